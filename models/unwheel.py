"""Takes the ONNX Runtime library and its licences out of the wheel: unwheel.py WHEEL FOLDER"""

import pathlib
import shutil
import sys
import zipfile

wheel, folder = sys.argv[1], pathlib.Path(sys.argv[2])
library = ("libonnxruntime.", "onnxruntime.dll")
# What the wheel for GPUs has besides; the library looks for it in its own folder
providers = tuple(f"{prefix}onnxruntime_providers_{name}." for prefix in ("lib", "") for name in ("shared", "cuda"))
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        leaf = name.rsplit("/", 1)[-1]
        if name.startswith("onnxruntime/capi/") and leaf.startswith(library):
            # Without the version that some platforms append: the program looks for the plain name.
            target = "libonnxruntime.so" if ".so" in leaf else "libonnxruntime.dylib" if leaf.endswith(".dylib") else leaf
        elif name.startswith("onnxruntime/capi/") and leaf.startswith(providers):
            target = leaf
        elif name in ("onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"):
            target = leaf
        else:
            continue
        with archive.open(name) as source, open(folder / target, "wb") as sink:
            shutil.copyfileobj(source, sink)
if not any(folder.glob("*onnxruntime.*")):
    sys.exit(f"{wheel} holds no ONNX Runtime library for this platform")
