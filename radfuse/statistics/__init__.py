"""What more than one wing measures with; units of one patient are correlated, so every variance sums over patients."""
