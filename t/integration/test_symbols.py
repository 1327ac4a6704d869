"""The module exports what nginx needs and nothing else, so that it clashes with no other."""

import subprocess

EXPORTED = {"ngx_http_sse_module", "ngx_module_names", "ngx_module_order", "ngx_modules"}


def test_exactly_these_symbols_are_exported(module_path):
    output = subprocess.run(
        ["nm", "-D", "--defined-only", module_path], check=True, capture_output=True, text=True
    ).stdout
    assert {line.split()[-1] for line in output.splitlines()} == EXPORTED


def test_no_shared_hiredis_is_needed(module_path):
    output = subprocess.run(
        ["readelf", "-d", module_path], check=True, capture_output=True, text=True
    ).stdout
    needed = [line for line in output.splitlines() if "(NEEDED)" in line]
    assert needed and not [line for line in needed if "hiredis" in line]
