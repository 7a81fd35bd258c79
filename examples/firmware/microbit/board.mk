CPU = cortex-m0
