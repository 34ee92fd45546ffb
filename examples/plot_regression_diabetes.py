"""
Regression: residuals, and a straight line to compare with
==========================================================

A network with early stopping on a small medical table, beside ridge regression. The residual plot shows what neither
of them knows.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.layers import Dropout, Linear, Tanh

# %%
# Ten measurements of 442 patients, and a measure of how far their diabetes had progressed one year later.

frame, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
frame_train, frame_test, y_train, y_test = train_test_split(frame, y, test_size=0.3, random_state=0)
print(frame.describe().loc[["mean", "std"]].round(1).to_string())

# %%
# The target is scaled by the training rows and scaled back in ``predict``. Training ends after 30 epochs without a
# better validation loss, and the best weights are put back.

reg = nw.Regressor(
    Tanh(32) >> Dropout(0.2) >> Linear(1),
    optimizer=nw.optim.Adam(5e-3),
    regularizer=nw.l2(3e-3),
    epochs=300,
    batch_size=32,
    validation=0.2,
    patience=30,
    random_state=0,
)
reg.fit(frame_train, y_train)
ridge = make_pipeline(StandardScaler(), RidgeCV()).fit(frame_train, y_train)
print(f"network: R2 {reg.score(frame_test, y_test):.3f} after {reg.n_iter_} epochs, best epoch {reg.best_epoch_}")
print(f"ridge:   R2 {ridge.score(frame_test, y_test):.3f}")

# %%
# Nearly all is learned in the first twenty epochs. Then the validation loss stays where it is: penalty and dropout keep
# the network from learning the patients by heart, and there is nothing else left to learn.

nw.plots.training_curves(reg, figure=plt.figure(figsize=(7, 5.5), layout="constrained"))
plt.show()

# %%
# Left, predictions against truth: small values are predicted too high and large ones too low, since the inputs
# explain less than half of the variance. Right, the residuals against the prediction with their running quantiles: the
# median stays near the axis, so no strong relation was missed, and the band is as broad as the noise.

nw.plots.residuals(y_test, reg.predict(frame_test), figure=plt.figure(figsize=(9.5, 4.4), layout="constrained"))
plt.show()

# %%
# On 309 training rows a straight line is as good. That is a finding about the data, and a reason to fit one first.
