#!/bin/sh
# What people use today: at every replacement of the status file, nsupdate for the forward zone and nsupdate
# for the reverse zone. The loop lives on, so that a switch starts nsupdate and nothing else; server and zone
# are given, so that nsupdate does not look for them; nothing is fsynced and nothing is read back.
#
#   hook.sh STATUS_FILE KEY_FILE ADDRESS PORT LOG MODE EVENTS...
#
# MODE    one-after-the-other, side-by-side, or one-process: both zones by one nsupdate
# EVENTS  a command that prints the names of files that were written or replaced, as inotifywait does
status=$1 key=$2 address=$3 port=$4 log=$5 mode=$6
shift 6

note() {
  if [ "$1" -eq 0 ]; then echo "$2 done" >>"$log"; else echo "$2 FAILED" >>"$log"; fi
}

forward() {
  nsupdate -k "$key" <<END
server $address $port
zone example.test.
update delete hook-main.example.test. A 10.10.10.6
update delete hook-backup.example.test. A 10.10.10.6
update add $online.example.test. 60 A 10.10.10.6
send
END
  note $? forward
}

reverse() {
  nsupdate -k "$key" <<END
server $address $port
zone 10.10.10.in-addr.arpa.
update delete 6.10.10.10.in-addr.arpa. PTR
update add 6.10.10.10.in-addr.arpa. 60 PTR $online.example.test.
send
END
  note $? reverse
}

both() {
  nsupdate -k "$key" <<END
server $address $port
zone example.test.
update delete hook-main.example.test. A 10.10.10.6
update delete hook-backup.example.test. A 10.10.10.6
update add $online.example.test. 60 A 10.10.10.6
send
zone 10.10.10.in-addr.arpa.
update delete 6.10.10.10.in-addr.arpa. PTR
update add 6.10.10.10.in-addr.arpa. 60 PTR $online.example.test.
send
END
  done=$?
  note $done forward
  note $done reverse
}

"$@" | while read -r name; do
  [ "$name" = "${status##*/}" ] || continue
  read -r online <"$status"
  case $mode in
  one-after-the-other)
    forward
    reverse
    ;;
  side-by-side)
    forward &
    reverse &
    wait
    ;;
  one-process) both ;;
  esac
done
