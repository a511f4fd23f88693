"""What other libraries and papers call our techniques, for those who look for them so."""

ELSEWHERE = {               # without case, spaces, hyphens and underscores: (name here, its file)
    "dropout1d": ("SpatialDropout", "spatial"), "dropout2d": ("SpatialDropout", "spatial"),
    "dropout3d": ("SpatialDropout", "spatial"), "featuredropout": ("SpatialDropout", "spatial"),
    "spatialdropout1d": ("SpatialDropout", "spatial"),
    "spatialdropout2d": ("SpatialDropout", "spatial"),
    "spatialdropout3d": ("SpatialDropout", "spatial"),
    "channeldropout": ("SpatialDropout", "spatial"),
    "dropblock2d": ("DropBlock", "dropblock"),
    "droppath": ("StochasticDepth", "stochastic_depth"),
    "layerdrop": ("StochasticDepth", "stochastic_depth"),
    "weightdrop": ("DropConnect", "dropconnect"),
    "weightdropout": ("DropConnect", "dropconnect"),
    "l0dense": ("L0", "l0"), "l0conv2d": ("L0", "l0"), "hardconcrete": ("L0", "l0"),
    "variationaldropout": ("Variational", "variational"),
    "sparsevariationaldropout": ("Variational", "variational"),
    "linearsvdo": ("Variational", "variational"), "conv2dsvdo": ("Variational", "variational"),
    "shrinknets": ("Smallify", "smallify"), "switchlayer": ("Smallify", "smallify"),
    "mcdropout": ("mc_predict", "mc"), "montecarlodropout": ("mc_predict", "mc"),
    "batchnorm1d": ("BatchNorm", "batch_norm"), "batchnorm2d": ("BatchNorm", "batch_norm"),
    "updatebn": ("batch_norm_statistics", "batch_statistics"),
    "bnupdate": ("batch_norm_statistics", "batch_statistics"),
    "averagedmodel": ("SWA", "swa"), "stochasticweightaveraging": ("SWA", "swa"),
    "swalr": ("swa_rates", "swa"), "exponentialmovingaverage": ("EMA", "ema"),
    "modelema": ("EMA", "ema"), "fastgeometricensembling": ("fge_rates", "fge"),
    "cosineannealingwarmrestarts": ("optim.cosine_restarts", "schedules"),
    "sgdr": ("optim.cosine_restarts", "schedules"),
    "earlydropout": ("early", "early_late"), "latedropout": ("late", "early_late"),
    "targetedweight": ("TargetedDropout", "targeted"),
    "targetedunit": ("TargetedDropout", "targeted"),
    "polynomialdecay": ("gradual_sparsity", "ramps"),
    "snapshotensembleclassifier": ("SnapshotEnsemble", "snapshot"),
    "gdv": ("gradient_direction_variance", "dynamics"),
    "gde": ("gradient_direction_error", "dynamics"),
    "randomcutout": ("Cutout", "cutout"), "coarsedropout": ("Cutout", "cutout"),
}


def here(name):
    """(name here, its file) of what another library calls `name`; None where nothing is known.

    >>> here("DropPath"), here("drop_path"), here("Linear")
    (('StochasticDepth', 'stochastic_depth'), ('StochasticDepth', 'stochastic_depth'), None)
    """
    return ELSEWHERE.get("".join(letter for letter in name.lower() if letter.isalnum()))
