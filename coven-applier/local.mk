# coven-applier: what an isolated session did, brought over
noinst_LIBRARIES += libapplier.a
libapplier_a_SOURCES = \
	coven-applier/applier.h \
	coven-applier/apply.c \
	coven-applier/judge.c \
	coven-applier/lead.c \
	coven-applier/patch.c \
	coven-applier/tree.c \
	coven-applier/walk.c

pkglibexec_PROGRAMS += coven-applier/coven-applier
coven_applier_coven_applier_SOURCES = coven-applier/main.c
coven_applier_coven_applier_LDADD = libapplier.a $(SANDBOX_LIBS) \
	$(COMMON_LIBS)
