#!/bin/sh
# Prints the path of a Python that Schoolgate can run on (3.12 or later), or one sentence that says what is missing.
# Looks on PATH, then in pyenv's versions folder, then asks uv, which is not allowed to download anything.
# Python 3.13 comes first: it is what Debian 13 and Raspberry Pi OS ship.

new_enough() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 15))' 2>/dev/null
}

candidates() {
    for version in 3.13 3.14 3.12; do
        command -v "python$version"
        for folder in "${PYENV_ROOT:-$HOME/.pyenv}" /opt/pyenv; do
            ls -d "$folder/versions/$version".*/bin/python 2>/dev/null | sort -V -r
        done
    done
    command -v python3
    if command -v uv >/dev/null 2>&1; then
        uv python find --no-python-downloads '>=3.12,<3.15' 2>/dev/null
    fi
}

candidates | {
    while read -r candidate; do
        if new_enough "$candidate"; then
            echo "$candidate"
            exit 0
        fi
    done
    echo "Schoolgate needs Python 3.12 or later with its venv module: install python3.13 and python3.13-venv" \
         "(Debian 13 has both), or let pyenv or uv install 3.13, then run make again." >&2
    exit 1
}
