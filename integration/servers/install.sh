#!/bin/sh
# Makes sure that the programs are there that tests and their servers run:
#
#   install.sh package ...
#
# Packages are named as in Debian. One whose program can be run is not looked at
# further, wherever it came from. As root on Debian or Ubuntu, what is missing is
# installed, from Debian's backports where the release does not have it. Elsewhere the
# script says everything that is missing, and fails.
set -eu

# present reports whether the program of a package is there.
present() {
	case $1 in
	postgresql) command -v initdb || ls /usr/lib/postgresql/*/bin/initdb ;;
	prometheus) command -v prometheus && command -v promtool ;;
	mariadb-server) command -v mariadbd || ls /usr/sbin/mariadbd ;;
	gcc) command -v "${CC:-gcc}" || command -v clang || command -v cc ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}

missing=
for package; do
	present "$package" || missing="$missing $package"
done
[ "$missing" ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
	echo "not installed:$missing. On Debian or Ubuntu, run as root: $0$missing. Elsewhere, install what these" \
		"packages hold, or run what needs no server (make test-embedded) and no C compiler (RACE=)." >&2
	exit 1
fi

# Debian's packages would start servers, and create a database.
files=
trap 'rm -f $files' EXIT
trap 'exit 1' INT TERM
if [ ! -e /usr/sbin/policy-rc.d ]; then # containers have such a policy
	files=/usr/sbin/policy-rc.d
	printf '#!/bin/sh\nexit 101\n' >$files
	chmod 755 $files
fi
cluster=/etc/postgresql-common/createcluster.d
files="$files $cluster/tenantstore.conf"
mkdir -p $cluster
echo 'create_main_cluster = false' >$cluster/tenantstore.conf

apt() { # with a command of apt-get
	DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

# backports adds those of this release of Debian, from the mirror of the release.
backports() {
	. /etc/os-release
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $VERSION_CODENAME" | head -1)
	[ "$ID" = debian ] && [ "$mirror" ] || { echo "apt does not know $1" >&2; exit 1; }
	echo "$1 comes from $VERSION_CODENAME-backports"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $VERSION_CODENAME-backports main" \
		>/etc/apt/sources.list.d/tenantstore-backports.list
	apt update
}

echo "installing$missing with apt-get, once"
apt update
for package in $missing; do
	apt-cache policy "$package" | grep -q 'Candidate: [^(]' || backports "$package"
done
case $missing in *" gcc"*) missing="$missing libc6-dev" ;; esac
apt install --yes --no-install-recommends $missing
