# shellcheck shell=bash
# Makes build/venv from t/requirements.txt when either it or Python has changed.

make_venv() {
  local venv=$build/venv python=/usr/bin/python3 key  # a python3 earlier on the path may lack venv, or go away
  key=$("$python" --version && sha256sum <"$root/t/requirements.txt")
  [[ $(cat "$venv/key" 2>/dev/null) != "$key" ]] || return 0
  say "installing Python packages into build/venv"
  "$python" -m venv --clear "$venv"
  "$venv/bin/pip" --quiet --disable-pip-version-check install --requirement "$root/t/requirements.txt"
  printf '%s' "$key" >"$venv/key"
}
