"""Our U-Net: its settings and plan, its network, training and export."""
