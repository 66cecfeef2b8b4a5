# SPDX-License-Identifier: GPL-2.0-only
# The front door; Kbuild is what the kernel reads.

KDIR ?= /lib/modules/$(shell uname -r)/build
KERNEL ?= 7.2
arch = $(if $(shell grep -s '^CONFIG_UML=y' $(KDIR)/.config),ARCH=um)

modules clean:
	@test -f $(KDIR)/Makefile || { echo "$(KDIR): no kernel build tree; install linux-headers or set KDIR=" >&2; exit 1; }
	$(MAKE) -C $(KDIR) $(arch) M=$(CURDIR) $@

test:
	@scripts/test --kernel $(KERNEL) $(if $(T),'$(T)')

drivers:
	@scripts/test --kernel $(KERNEL) --drivers

storm:
	@STORM=60 scripts/test --kernel $(KERNEL)

compliance:
	@scripts/compliance

matrix:
	@set -f; scripts/matrix $(ONLY)

check:
	@scripts/check

demo:
	@scripts/demo

bench:
	@scripts/bench $(if $(ANYWAY),--anyway)

proof:
	@scripts/proof

fuzz:
	@$(MAKE) -s -C userspace OUTPUT=$(or $(KOBJTREE_CACHE),$(HOME)/.cache/kobjtree)/userspace fuzz

mutate:
	@scripts/mutate $(ONLY)

docs:
	@scripts/docs
	@echo out/docs/index.html

graft:
	@scripts/graft $(if $(COPY),--copy) $(if $(UNDO),--undo) '$(KSRC)'

series:
	@scripts/series $(if $(CHECK),--check)

package:
	@scripts/package

distro:
	@scripts/distro

help:
	@echo 'make               the modules, for the running kernel or KDIR='
	@echo 'make test          the tests, in User-Mode Linux; T=SUITE[.TEST] for some, KERNEL=6.12|6.1'
	@echo 'make drivers       those for drivers and cores of the kernel, as they are and converted'
	@echo 'make storm         both, and each storm of unbinds for a minute'
	@echo "make matrix        all of it on every kernel; ONLY='6.12-* *-plain' for some rows"
	@echo 'make compliance    what v4l2-compliance says of samples, converted drivers and the kernel'\''s'
	@echo 'make check         style, documentation and static checks'
	@echo 'make demo          unplug a device in use, with and without kobjtree'
	@echo 'make bench         what it costs, beside kref, devres, SRCU, ...; ANYWAY=1 on a busy machine'
	@echo 'make proof         models of the protocols; every small graph and short sequence: a minute'
	@echo 'make fuzz TIME=S   random sequences of operations against a model, for S seconds'
	@echo "make mutate        do the tests notice changes of the core? 30 min; ONLY='edge weak'"
	@echo 'make docs          all documents as HTML, with the numbers of the last make bench'
	@echo 'make graft KSRC=   put kobjtree into a kernel tree; COPY=1 for copies, UNDO=1 to take it out'
	@echo 'make series        the patches that one would send; CHECK=1 builds and tests each'
	@echo 'make package       a Debian package, built by DKMS for the kernels that have headers here'
	@echo 'make distro        its modules in the kernel that Debian made for them, in QEMU'
	@echo 'make clean         remove what make built here'
	@echo
	@echo 'Kernels and test builds are kept in $${KOBJTREE_CACHE:-~/.cache/kobjtree}.'

.DEFAULT_GOAL := modules
.PHONY: modules clean test drivers storm compliance matrix check demo bench proof fuzz mutate docs graft series package distro help
