"""Backend `nnunet`: nnU-Net plans and trains, radfuse predicts; `upstream.py` and `trainer.py` import nnunetv2."""
