# What the scripts in this folder share; each sources it first, and then stands in the repository's root.

set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1
unset HOUNSFIELD_BUILD PYTHONPATH

# A script's opening comment is its help.
if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit
fi

say() { printf '%s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# quietly COMMAND...: its output is shown only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if ((status)); then
        cat "$log" >&2
        say "failed with status $status: $*"
    fi
    rm -f "$log"
    return "$status"
}

# What tests need beside what pip installs; users have it or see tests skipped.
install_programs() {
    [[ ${CI:-} == true ]] || return 0
    command -v dcmdump >/dev/null && command -v qemu-x86_64 >/dev/null && return
    say "installing DCMTK and qemu-user"
    local apt_get=(env DEBIAN_FRONTEND=noninteractive apt-get)
    [[ $(id -u) == 0 ]] || apt_get=(sudo --non-interactive "${apt_get[@]}")
    quietly "${apt_get[@]}" -o Acquire::Retries=3 update
    quietly "${apt_get[@]}" -o Acquire::Retries=3 install --yes --no-install-recommends dcmtk qemu-user
}

# Sets python to an interpreter that can build the package; PYTHON=... chooses another.
find_python() {
    local candidate missing
    for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    [[ -n ${python:-} ]] || fail "Python 3.11 or later is needed: install python3, or set PYTHON=/path/to/python"
    missing=$("$python" - <<'END'
import pathlib, shutil, sysconfig

if not shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]):
    print("a C compiler is needed: apt-get install gcc libc6-dev")
elif not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists():
    print("Python's C headers are needed: apt-get install python3-dev")
END
    )
    [[ -z $missing ]] || fail "$missing"
}

# new_venv DIR: an empty virtual environment with pip, also where Debian's python3-venv is not installed.
new_venv() {
    rm -rf "$1"
    "$python" -m venv "$1" >/dev/null 2>&1 && return
    "$python" -m venv --clear --without-pip "$1" >/dev/null 2>&1 &&
        quietly "$python" -m pip --python "$1/bin/python" install pip ||
        fail "cannot make a virtual environment: apt-get install python3-venv (or python3-pip)"
}

# digest PATH...: one number for the interpreter, the place and the content of the sources.
digest() {
    {
        "$python" -VV
        pwd
        find "$@" -type f ! -name '*.so' ! -name '*.pyc' ! -path '*.egg-info/*' -print0 | sort -z | xargs -0 sha256sum
    } | sha256sum | cut -d' ' -f1
}

# environment NAME DIGEST PIP-ARGUMENT...: sets venv to build/venv-NAME, and made=1 if it had to be made anew.
environment() {
    venv=build/venv-$1 made=0
    local key="$2 ${*:3}"
    [[ $(cat "$venv/made-from" 2>/dev/null) == "$key" ]] && return
    say "making $venv (a minute or less)"
    new_venv "$venv"
    # Cython and setuptools stand in the environment itself, so that kernels are built again in seconds.
    "$venv/bin/python" - >"$venv/build-requires" <<'END'
import tomllib

with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["build-system"]["requires"], sep="\n")
END
    forget_if_stale release
    quietly "$venv/bin/python" -m pip install -r "$venv/build-requires"
    quietly "$venv/bin/python" -m pip install --no-build-isolation "${@:3}"
    echo "$key" >"$venv/made-from"
    made=1
}

# working_environment EXTRA: an environment in which the package is this folder and its kernels are up to date. Sets
# venv, and tag to the name of its kind of interpreter.
working_environment() {
    find_python
    environment "$1" "$(digest pyproject.toml)" --editable ".[$1]"
    local stamp
    tag=$("$venv/bin/python" -c 'import sys; print(sys.implementation.cache_tag)')
    stamp=build/release/in-place-$tag
    if ((!made)); then # else installing has built them
        [[ $(cat "$stamp" 2>/dev/null) == "$(in_place "$tag")" ]] && return
        build_kernels release build_ext --inplace
    fi
    in_place "$tag" >"$stamp"
}

# in_place TAG: what the kernels in src/ were made from, and that nobody has put others there.
in_place() {
    digest setup.py ext
    stat --format='%n %s %Y' src/hounsfield/_kernels/*."$1"-*.so 2>/dev/null || true
}

# flavour_environment FLAVOUR EXTRA: a working environment that imports the package from build/FLAVOUR instead.
flavour_environment() {
    working_environment "$2"
    find "build/$1" -path '*/lib.*' -name '*.py' -delete 2>/dev/null || true # a module may have been renamed
    build_kernels "$1" build
    PYTHONPATH=$(echo "$PWD/build/$1"/lib.*"$tag")
    export PYTHONPATH
}

# build_kernels FLAVOUR SETUP.PY-ARGUMENT...
build_kernels() {
    say "building the kernels ($1)"
    forget_if_stale "$1"
    HOUNSFIELD_BUILD=$1 quietly "$venv/bin/python" setup.py "${@:2}"
}

# forget_if_stale FLAVOUR: setuptools compares the age of sources, but does not notice that the flags changed.
forget_if_stale() {
    cmp --silent setup.py "build/$1/setup.py" && return
    rm -rf "build/$1"
    mkdir -p "build/$1"
    cp setup.py "build/$1/setup.py"
}
