#!/bin/sh
# Makes this process systemd, as the first one of namespaces of its own: a copy of this machine on which nothing runs.
# What it writes is in memory and gone at its end. To be started in new pid, mount, net, ipc, uts and cgroup namespaces.
#
#   boot.sh DIRECTORY PROJECT PYTHON PACKAGES    a mount point; the checkout; Python's prefix and its site-packages
set -eu
scratch=$1 project=$2 python=$3 packages=$4

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$scratch/root"
cd "$scratch/root"

# The program where the unit expects it, wherever the checkout and its Python are: in a home they would not be seen.
bind() { mkdir -p "$2"; mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"; }
bind "$project/daemon" opt/failover-dns/daemon
bind "$packages" opt/failover-dns/packages
bind "$python" opt/failover-dns/python
cat >usr/bin/failover-dns <<END
#!/bin/sh
export PYTHONPATH=/opt/failover-dns/daemon:/opt/failover-dns/packages LD_LIBRARY_PATH=/opt/failover-dns/python/lib
exec /opt/failover-dns/python/bin/python3 -m failover_dns "\$@"
END
chmod 755 usr/bin/failover-dns

mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  : >"dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp

# Nothing of this machine's own starts but the journal, whatever is installed.
: >etc/fstab
: >etc/machine-id
rm -rf etc/systemd/system etc/systemd/system.conf.d var/log/journal etc/failover-dns var/lib/private var/log/private
mkdir -p etc/systemd/system etc/failover-dns/keys run/failover
for wanted in lib/systemd/system/*.target.wants/*; do
  case ${wanted##*/} in
  systemd-journald* | '*') ;;
  *) ln -sfn /dev/null "etc/systemd/system/${wanted##*/}" ;;
  esac
done
printf '[Unit]\nRequires=basic.target\nAfter=basic.target\n' >etc/systemd/system/test.target
cp "$project/systemd/failover-dns.service" etc/systemd/system/

mkdir "$scratch/root/old"
pivot_root . old
umount -l /old
rmdir /old
mount --make-rshared / # as on a machine: systemd hands mounts, such as credentials, to services that way
exec env -i container=failover-dns-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \
  --unit=test.target --log-target=journal --show-status=no
