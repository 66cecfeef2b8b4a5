#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# rmmod waits for what the core may still call of the module, and for nothing
# else. No module is loaded twice in a boot: KASAN may report that falsely.
#
# MODULE_ROOT: where modprobe finds the modules of selftests/modules.

# shellcheck source-path=SCRIPTDIR source=tap.sh
. "${0%/*}/tap.sh"

load() {
	modprobe -d "${MODULE_ROOT:-/}" "kobjtree_test_$1"
}

unload() {
	rmmod "kobjtree_test_$1"
}

loaded() {
	[ -d "/sys/module/kobjtree_test_$1" ]
}

logged() {
	dmesg | grep -q "$1"
}

drop() {
	echo 1 >/sys/module/kobjtree_test_keeper/parameters/drop
}

echo "TAP version 13"
echo "1..19"

# The release takes three seconds, and its module is unloaded at once.
load deferred
ok $? "a deferred release is pending"
unload deferred
ok $? "rmmod succeeds"
logged "kobjtree_test_deferred: released"
ok $? "rmmod has waited for the deferred release"
! loaded deferred
ok $? "the module is gone"

# The same, without kobjtree_owner_barrier() in the module's exit.
load forgetful
ok $? "a module without a barrier is loaded"
unload forgetful
ok $? "its rmmod succeeds"
logged "kobjtree_test_forgetful: released"
ok $? "its rmmod has waited all the same"
logged "kobjtree: kobjtree_test_forgetful .*kobjtree_owner_barrier()"
ok $? "the log names the module and what it lacks"
logged "kobjtree: left: [0-9]* forgetful_type, 0 references, 0 from outside"
ok $? "and what is left of it"
dmesg | grep -A9 "kobjtree: forgetful_type: last put by modprobe" |
	grep -q "kobjtree_last_put_async+"
ok $? "and how that came to its end"

# The keeper's object holds the lender's, and has an action of a third module.
load keeper
ok $? "an object is there"
load lender
ok $? "it holds a plain object of another module"
load action
ok $? "an action of a third module is pending"
unload lender
ok $? "rmmod of the plain object's module does not wait"
! loaded lender
ok $? "the plain object's module is gone"

unload action &
sleep 2
loaded action && ! logged "kobjtree_test_action: called"
ok $? "rmmod of the pending action's module waits"
drop
ok $? "the object is dropped"
wait "$!"
ok $? "rmmod of the pending action's module succeeds"
dmesg | grep -A1 "kobjtree_test_keeper: released" |
	grep -q "kobjtree_test_action: called"
ok $? "it has waited for the action, which came behind the release"
unload keeper

exit $failed
