"""Questions to targets that have a class or a number at each of many places, such as steps and pixels."""
