################################################################################
#
# ocitar
#
################################################################################

# The tree that this directory is part of.
OCITAR_VERSION = 0.1.0
OCITAR_SITE = $(BR2_EXTERNAL_OCITAR_PATH)/../..
OCITAR_SITE_METHOD = local
OCITAR_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude=/build
OCITAR_LICENSE = Unlicense or MIT-0
OCITAR_LICENSE_FILES = LICENSE
OCITAR_INSTALL_STAGING = YES
OCITAR_INSTALL_TARGET = NO

HOST_OCITAR_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude=/build
HOST_OCITAR_DEPENDENCIES = host-pkgconf host-zlib

# Where there is a sloci-image, it must be there before ours replaces it.
ifneq ($(BR2_TARGET_ROOTFS_OCI)$(BR2_PACKAGE_HOST_SLOCI_IMAGE),)
HOST_OCITAR_DEPENDENCIES += host-sloci-image
endif

define OCITAR_INSTALL_STAGING_CMDS
	$(TARGET_MAKE_ENV) $(MAKE) -C $(@D) PREFIX=/usr \
		DESTDIR=$(STAGING_DIR) install-header
endef

define HOST_OCITAR_BUILD_CMDS
	$(HOST_MAKE_ENV) $(MAKE) -C $(@D) $(HOST_CONFIGURE_OPTS) build/ocitar
endef

# fs/oci calls it by the other name.
define HOST_OCITAR_INSTALL_CMDS
	$(INSTALL) -D -m 0755 $(@D)/build/ocitar $(HOST_DIR)/bin/ocitar
	ln -sf ocitar $(HOST_DIR)/bin/sloci-image
endef

$(eval $(generic-package))
$(eval $(host-generic-package))
