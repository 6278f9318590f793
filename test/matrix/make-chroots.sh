#!/bin/bash
# Makes a chroot with a real Cyrus for each Debian release named, for `npm run matrix`: servers of other versions
# than the host's. Needs root, debootstrap (installed where missing) and Debian's mirror. What is there is kept.
#   make-chroots.sh [DIR [RELEASE…]]     default: /tmp/chroots bullseye trixie forky (3.2.6, 3.10.2, 3.12)
# Take the mounts off before a chroot is removed: umount DIR/RELEASE/proc DIR/RELEASE/dev
set -eu
dir=$(realpath -m "${1:-/tmp/chroots}")
shift || true
[ $# -gt 0 ] || set -- bullseye trixie forky
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
export DEBIAN_FRONTEND=noninteractive

command -v debootstrap >/dev/null || { apt-get update -q && apt-get install -y -q --no-install-recommends debootstrap; }
mkdir -p "$dir"

for release; do
  root=$dir/$release
  log=$dir/$release.log
  if [ ! -x "$root/usr/lib/cyrus/bin/master" ]; then
    echo "$release: being installed, see $log"
    if [ ! -x "$root/usr/bin/dpkg" ]; then
      # a debootstrap older than the release has no script of its name; sid's does for all new ones
      script=/usr/share/debootstrap/scripts/$release
      [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
      rm -rf "$root"
      debootstrap --variant=minbase "$release" "$root" "$mirror" "$script" >"$log" 2>&1 ||
        { echo "$release: debootstrap failed" && tail -3 "$log" && continue; }
    fi
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no packaged service starts
    chmod 755 "$root/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
  fi
  # /dev for /dev/log and /dev/urandom, /proc for master
  for fs in proc dev; do
    mountpoint -q "$root/$fs" || mount --bind "/$fs" "$root/$fs"
  done
  if [ ! -x "$root/usr/lib/cyrus/bin/master" ]; then
    # a mirror's copy of a testing release may be past its date; signatures are checked all the same
    chroot "$root" sh -c 'apt-get -o Acquire::Check-Valid-Until=false update -q && apt-get install -y -q --no-install-recommends \
      cyrus-imapd cyrus-admin cyrus-replication sasl2-bin libsasl2-modules' >>"$log" 2>&1 ||
      { echo "$release: apt-get failed" && tail -3 "$log" && continue; }
  fi
  echo "$release: cyrus-imapd $(chroot "$root" dpkg-query -W -f '${Version}' cyrus-imapd) in $root"
done
