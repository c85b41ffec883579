# What a package installs beside the programs.
EXTRA_DIST += packaging/systemd/coven.service \
	packaging/systemd/coven@.service \
	packaging/apparmor/coven packaging/sysusers.d/coven.conf \
	packaging/tmpfiles.d/coven.conf packaging/debian

# A Debian package of this tree: deb/coven_VERSION_ARCH.deb.  Needs debhelper
# and what debian/control names.  The tests are make check's and run-tests'.
.PHONY: deb
deb: distdir
	rm -rf deb && mkdir deb
	mv $(distdir) deb/$(distdir)
	cp -RL deb/$(distdir)/packaging/debian deb/$(distdir)/debian
	cd deb/$(distdir) && DEB_BUILD_OPTIONS="nocheck noautodbgsym \
	    parallel=$$(getconf _NPROCESSORS_ONLN)" \
	    dpkg-buildpackage -us -uc -b >../build.log 2>&1 || \
	    { tail -n 40 ../build.log; false; }
	@ls deb/coven_*.deb

# That package on a whole Debian 12 machine under qemu.  Needs root, and once a
# mirror to make the machine of; it is kept in CHECK_VM_CACHE.
CHECK_VM_CACHE = $(abs_builddir)/vm-cache
.PHONY: check-vm
check-vm: deb $(check_PROGRAMS)
	rm -rf check-vm-stage
	$(MAKE) -s install DESTDIR="$$(pwd)/check-vm-stage" prefix=/suite \
	    exec_prefix=/suite >/dev/null
	CHECK_VM_DEB="$$(ls "$$(pwd)"/deb/coven_*.deb)" \
	    CHECK_VM_CACHE="$(CHECK_VM_CACHE)" IT_TIMEOUT=3600 \
	    $(srcdir)/tests/it/run --stage check-vm-stage/suite --tools tests \
	    --logs check-vm-logs $(srcdir)/tests/it/check_vm.sh
	rm -rf check-vm-stage

clean-local: clean-deb
.PHONY: clean-deb
clean-deb:
	rm -rf deb check-vm-stage check-vm-logs
