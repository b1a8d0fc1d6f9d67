#!/bin/bash
# What the official image does: templates become configuration, scripts are run, then nginx starts.
set -e

if [ "$1" = nginx ]; then
    if [ -d /etc/nginx/templates ]; then
        # Only variables that are set: nginx has variables of its own.
        variables=$(env | cut -d= -f1 | grep -E "${NGINX_ENVSUBST_FILTER:-}" | sed 's/.*/${&}/')
        for template in /etc/nginx/templates/*.template; do
            name=${template##*/}
            envsubst "$variables" <"$template" >"/etc/nginx/conf.d/${name%.template}"
        done
    fi
    for script in /docker-entrypoint.d/*.sh; do
        if [ -x "$script" ]; then "$script"; fi
    done
fi
exec "$@"
