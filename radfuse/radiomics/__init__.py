"""The radiomics wing: regions of interest and handcrafted features."""
