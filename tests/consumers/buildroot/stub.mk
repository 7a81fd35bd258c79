# stub.mk - in the place of Buildroot: so much of its package infrastructure
# that packaging/buildroot can be built and installed below $(WORK).
#   make -f stub.mk BR2_EXTERNAL_OCITAR_PATH=... WORK=... ocitar host-ocitar

HOST_DIR = $(WORK)/host
STAGING_DIR = $(WORK)/staging
INSTALL = install
HOST_CONFIGURE_OPTS = CC="$(CC)" CFLAGS="-O1" PKG_CONFIG=pkg-config

# A package: its sources copied, its commands run where the target is.
define package
.PHONY: $(1) $(WORK)/$(1)/done
$(1): $(WORK)/$(1)/done
$(WORK)/$(1)/done:
	mkdir -p $$(@D) $$(HOST_DIR)/bin $$(STAGING_DIR)
	tar -C $$(OCITAR_SITE) --exclude=./build --exclude=./.git -cf - . | \
	    tar -C $$(@D) -xf -
	$$($(2)_BUILD_CMDS)
	$$($(2)_INSTALL_CMDS)
	$$($(2)_INSTALL_STAGING_CMDS)
endef
generic-package = $(call package,ocitar,OCITAR)
host-generic-package = $(call package,host-ocitar,HOST_OCITAR)

include $(BR2_EXTERNAL_OCITAR_PATH)/external.mk
