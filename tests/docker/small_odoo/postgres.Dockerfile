# A PostgreSQL that need not survive a power cut.
FROM postgres:16
USER root
RUN find /usr/share/postgresql -name postgresql.conf.sample \
    -exec sh -c 'printf "fsync=off\nfull_page_writes=off\n" >>"$1"' - {} \;
ENV POSTGRES_INITDB_ARGS=--no-sync
