# Sourced by scripts of this folder: uv with the settings of pip, of which it reads none.

pip_setting() { # NAME: as pip's files and variables say it, or nothing
  python3 -m pip config list | sed -n "s/^\(:env:\|global\|install\)\.$1='\(.*\)'\$/\2/p" | tail -1
}

uv_like_pip() { # CACHE: where uv keeps what it downloads, unless UV_CACHE_DIR says where
  local pair value
  for pair in UV_DEFAULT_INDEX=index-url UV_INDEX=extra-index-url UV_FIND_LINKS=find-links UV_CONSTRAINT=constraint \
    SSL_CERT_FILE=cert; do
    value=$(pip_setting "${pair#*=}")
    [ -z "$value" ] || export "${pair%%=*}=$value"
  done
  export UV_INDEX_STRATEGY=unsafe-best-match UV_CACHE_DIR="${UV_CACHE_DIR:-$1}"
}
