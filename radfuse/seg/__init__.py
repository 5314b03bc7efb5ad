"""The segmentation wing: from images and some manual masks to a mask and deep features for every case."""
