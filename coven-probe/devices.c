/* Devices: all are absent from the sandbox's /dev. */
#include <errno.h>
#include <fcntl.h>

#include "coven-probe/probe.h"

#define DEVICE(name, path)	DOOR_PATH(name, path, O_RDONLY)

DEVICE(device_mem, "/dev/mem")
DEVICE(device_kmsg, "/dev/kmsg")
DEVICE(device_kvm, "/dev/kvm")
DEVICE(device_fuse, "/dev/fuse")
DEVICE(device_tun, "/dev/net/tun")
DEVICE(device_loop, "/dev/loop-control")
DEVICE(device_port, "/dev/port")
DEVICE(device_vhost, "/dev/vhost-vsock")
DEVICE(device_vcs, "/dev/vcs")
DEVICE(device_uinput, "/dev/uinput")
DEVICE(device_dri, "/dev/dri/card0")
DEVICE(device_uffd, "/dev/userfaultfd")
DEVICE(device_mapper, "/dev/mapper/control")
DEVICE(device_snd, "/dev/snd/controlC0")
DEVICE(device_video, "/dev/video0")

/* Whichever disk there is. */
static int
device_disk(const struct targets *t)
{
	static const char *const disks[] = { "/dev/sda", "/dev/vda",
	    "/dev/nvme0n1", "/dev/xvda", "/dev/mmcblk0", "/dev/loop0",
	    "/dev/dm-0" };
	int last = ENOENT;

	(void)t;
	for (size_t i = 0; i < nitems_of(disks); i++) {
		int r = door_path(disks[i], O_RDONLY);

		if (r == DOOR_OPEN)
			return r;
		last = r != ENOENT ? r : last;
	}
	return last;
}

static const struct door doors[] = {
	{ "dev-mem", "open the machine's memory", device_mem, HOST },
	{ "dev-port", "open its ports", device_port, HOST },
	{ "dev-kmsg", "open the kernel's log", device_kmsg, HOST },
	{ "dev-disk", "open a disk", device_disk, HOST },
	{ "dev-loop", "make a disk of a file", device_loop, HOST },
	{ "dev-kvm", "make a virtual machine", device_kvm, HOST },
	{ "dev-fuse", "serve a file system", device_fuse, HOST },
	{ "dev-tun", "make a network device", device_tun, HOST },
	{ "dev-vhost", "serve a virtual machine", device_vhost, HOST },
	{ "dev-vcs", "read what a console shows", device_vcs, HOST },
	{ "dev-uinput", "type as a keyboard", device_uinput, HOST },
	{ "dev-gpu", "open the graphics processor", device_dri, HOST },
	{ "dev-userfaultfd", "stop the kernel in mid-copy, by a device",
	    device_uffd, HOST },
	{ "dev-mapper", "make a disk of disks", device_mapper, HOST },
	{ "dev-sound", "open the sound card", device_snd, HOST },
	{ "dev-camera", "open the camera", device_video, HOST },
};
FAMILY(devices_family, FILES, doors);
