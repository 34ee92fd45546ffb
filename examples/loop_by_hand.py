"""The training loop of netwright, written out by hand for one network: what `nw.Classifier.fit` does, in the open.

`src/netwright/train/loop.py` is the library's form of the same loop. Here nothing is hidden: the module is plain
torch, its parameters are views into one vector, and one fused kernel updates them.
Run it: ``python examples/loop_by_hand.py``.
"""

import torch

import netwright as nw
from netwright.layers import Conv, Flatten, Input, MaxPool, ReLU, Softmax
from netwright.losses import CrossEntropy
from netwright.train import Flat, order

X, y = (torch.from_numpy(array) for array in nw.data.load_digits())
X, y, X_test, y_test = X[:1400], y[:1400], X[1400:], y[1400:]

net = Input(1, 8, 8) >> Conv(16, 3) >> ReLU() >> MaxPool(2) >> Flatten() >> ReLU(64) >> Softmax(10)
module = net.build(seed=0)
print(net.summary())

body, link = nw.losses.split_link(module)  # train on logits, predict with probabilities
loss_of = CrossEntropy()
flat = Flat(body)
update = nw.optim.Adam(3e-3).build([flat.theta])
step = nw.optim.direct_step(update)

for epoch in range(12):
    body.train()
    losses = []
    for rows in order(seed=0, epoch=epoch, n=len(X)).split(32):
        flat.gradient.zero_()
        loss = loss_of(body(X[rows]), y[rows], link=link)
        loss.backward()
        step()
        losses.append(loss.detach())
    body.eval()
    with torch.inference_mode():
        right = (body(X_test).argmax(1) == y_test).double().mean()
    print(f"epoch {epoch + 1:2}  loss {torch.stack(losses).mean():.4f}  test accuracy {right:.4f}")
