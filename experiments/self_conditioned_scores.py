"""Scores on images in Self-Conditioned GAN's paper, by part of the experiment and row."""

from __future__ import annotations

PAPER: dict[str, dict[str, tuple[str, str, str]]] = {
    "methods": {
        "gan": ("28.08 ± 0.47", "6.98 ± 0.062", "0.0150 ± 0.0026"),
        "pac-gan2": ("27.97 ± 0.63", "7.12 ± 0.062", "0.0126 ± 0.0012"),
        "pac-gan3": ("32.55 ± 0.92", "6.77 ± 0.064", "0.0109 ± 0.0011"),
        "pac-gan4": ("34.16 ± 0.94", "6.77 ± 0.079", "0.0150 ± 0.0005"),
        "logo-gan-ae": ("32.49 ± 1.37", "7.05 ± 0.073", "0.0106 ± 0.0005"),
        "random-labels-gan": ("29.04 ± 0.76", "6.97 ± 0.062", "0.0100 ± 0.0010"),
        "online-self-conditioned": ("31.56 ± 0.48", "6.82 ± 0.112", "0.0178 ± 0.0029"),
        "self-conditioned": ("18.03 ± 0.55", "7.72 ± 0.034", "0.0015 ± 0.0004"),
        "logo-gan-rc": ("28.83 ± 0.43", "7.12 ± 0.047", "0.0091 ± 0.0001"),
        "conditional-gan": ("23.56 ± 2.24", "7.44 ± 0.080", "0.0019 ± 0.0001"),
    },
    "k": {
        "gan": ("28.08 ± 0.47", "6.98 ± 0.062", "-"),
        "k = 10": ("32.55 ± 2.58", "7.03 ± 0.158", "-"),
        "k = 25": ("19.21 ± 0.73", "7.79 ± 0.040", "-"),
        "k = 100": ("18.03 ± 0.55", "7.72 ± 0.034", "-"),
        "k = 250": ("18.49 ± 0.53", "7.74 ± 0.053", "-"),
        "k = 1000": ("20.76 ± 0.26", "7.48 ± 0.028", "-"),
        "conditional-gan": ("23.56 ± 2.24", "7.44 ± 0.080", "-"),
    },
    "tricks": {
        "neither": ("25.38 ± 1.41", "7.29 ± 0.068", "-"),
        "no matching": ("18.91 ± 0.65", "7.51 ± 0.073", "-"),
        "no centers": ("19.85 ± 0.65", "7.58 ± 0.046", "-"),
        "full": ("18.03 ± 0.55", "7.72 ± 0.034", "-"),
        "neither with R1": ("22.70 ± 0.48", "7.38 ± 0.062", "-"),
        "no matching with R1": ("23.26 ± 0.40", "7.27 ± 0.029", "-"),
        "no centers with R1": ("22.02 ± 0.21", "7.35 ± 0.024", "-"),
        "full with R1": ("22.80 ± 0.27", "7.32 ± 0.031", "-"),
    },
    "features": {},
    "imagenet": {
        "gan": ("54.17", "14.01", "-"),
        "pac-gan2": ("57.51", "13.50", "-"),
        "pac-gan3": ("66.97", "12.34", "-"),
        "mgan": ("58.88", "13.22", "-"),
        "rotnet-gan": ("53.75", "13.76", "-"),
        "logo-gan-ae": ("50.90", "14.44", "-"),
        "random-labels-gan": ("56.03", "14.17", "-"),
        "self-conditioned": ("40.30", "15.82", "-"),
        "logo-gan-rc": ("38.41", "18.86", "-"),
        "conditional-gan": ("35.14", "24.04", "-"),
    },
    "places365": {
        "gan": ("14.21", "8.71", "-"),
        "pac-gan2": ("18.02", "8.58", "-"),
        "pac-gan3": ("22.00", "8.56", "-"),
        "mgan": ("15.78", "8.41", "-"),
        "rotnet-gan": ("14.88", "8.54", "-"),
        "logo-gan-ae": ("14.51", "8.19", "-"),
        "random-labels-gan": ("14.20", "8.82", "-"),
        "self-conditioned": ("9.56", "8.94", "-"),
        "logo-gan-rc": ("8.66", "10.55", "-"),
        "conditional-gan": ("8.12", "10.97", "-"),
    },
    "joint": {
        "gan": ("36.78", "11.0384", "-"),
        "self-conditioned": ("20.88", "12.0632", "-"),
        "conditional-gan": ("22.05", "14.7734", "-"),
    },
}
"""Tables 2 (CIFAR-10), 3 and 6: FID, inception score, reverse KL divergence; mean and standard error of five trials.
Tables 4 and 7: FID and inception score."""
DATA_OF_PARTS = {"imagenet": "ImageNet", "places365": "Places365", "joint": "Places365 + ImageNet"}
"""Data of the paper's scores, of parts that are not on CIFAR-10."""
FSD_NOTE = "The paper has FSD as well: `everymode evaluate RUN --metrics fsd --segmenter FILE`"

PAPER_NOTES = {
    "methods": "Table 5, CIFAR-10: NMI 0.3326, purity 0.1173 (computed by the formula called inverse purity here)",
    "k": "Table 3: similar scores from k = 25 to 250",
    "tricks": "The paper: NMI with the previous clustering 0.55 without both tricks, 0.74 with them",
    "imagenet": FSD_NOTE,
    "places365": FSD_NOTE,
    "joint": f"Labels of class-conditional samples are drawn by the sizes of the classes. {FSD_NOTE}",
    "features": "Appendix C.5 (ImageNet, class-conditional): 59.8 % without R1, 30.7 % with it",
}
