# Sourced by the scripts beside it and by tests/images: how buildah and podman run on this machine.
# Where systemd does not (a container that CI runs in), they need other settings than Debian's.
folder="${CREDITRISK_IMAGES:-${TMPDIR:-/tmp}/creditrisk-images}"
# For the scripts that this one's caller runs: one store, whatever TMPDIR they are given.
export CREDITRISK_IMAGES="$folder"
mkdir -p "$folder"
if [ ! -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
    printf '[storage]\ndriver = "overlay"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' \
        "$folder" "$folder" >"$folder/storage.conf"
    printf '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n%s\n' \
        '[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]' >"$folder/containers.conf"
    export CONTAINERS_STORAGE_CONF="$folder/storage.conf" CONTAINERS_CONF="$folder/containers.conf"
    export BUILDAH_ISOLATION=chroot
fi
