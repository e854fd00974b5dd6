#!/bin/sh
# keepalived's notify script: writes what keepalived says of one instance into a status file for failover-dns.
#
#     vrrp_instance VI_DMA {
#         notify "/etc/failover-dns/notify.sh VI_DMA /run/failover/dma-main.json"
#     }
#
# keepalived adds four words: INSTANCE or GROUP, the name, the state, the priority. It starts such scripts side by
# side, so two changes in quick succession may be written in either order; its FIFO (type = "keepalived") keeps
# the order and is the better way. The file is written beside and renamed, so nobody reads half of it.
set -eu
umask 022

[ $# -ge 5 ] || { echo "usage: $0 INSTANCE FILE {INSTANCE|GROUP} NAME STATE [PRIORITY]" >&2; exit 64; }
wanted=$1 file=$2 kind=$3 name=$4 state=$5

[ "$kind" = INSTANCE ] && [ "$name" = "$wanted" ] || exit 0
case $state in
MASTER | BACKUP | FAULT | STOP) ;;
DELETED) state=UNKNOWN ;;
*) exit 0 ;; # an event, such as a change of priority: the state is what it was
esac

beside=$(mktemp "${file%/*}/.${file##*/}.XXXXXX")
trap 'rm -f "$beside"' EXIT
printf '{"role":"%s","since":"%s"}\n' "$state" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$beside"
chmod 644 "$beside"
mv -f "$beside" "$file"
