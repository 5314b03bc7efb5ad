"""Backend `nnunet`: nnU-Net plans and trains, radfuse predicts; `upstream.py` alone imports nnunetv2."""
