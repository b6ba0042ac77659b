"""Which room may include which: the layer diagram as data. tidy.py holds every #include of ours against it.

A room is a folder; a file belongs to the longest room that its path begins with. A room may always include itself. An
entry that ends in .h names one header. Arrows point down only: nothing here may name a room above its own.
"""

# Headers of ha/core that are plain values; the machine itself (step, assign) is for those that drive it.
CORE_VALUES = (
    "ha/core/action.h",
    "ha/core/cluster.h",
    "ha/core/event.h",
    "ha/core/message.h",
    "ha/core/state.h",
    "ha/core/timing.h",
)

EVERYTHING = ("base", "netfilter", "ha", "mailsvc", "daemon")

ROOMS = {
    "base": (),
    "netfilter/abi": (),
    "netfilter/bpf": ("netfilter/abi",),
    "netfilter/plan": ("base", "netfilter/abi"),
    "netfilter/net": ("base",),
    "netfilter/loader": ("base", "netfilter/abi", "netfilter/plan"),
    "netfilter/hold": ("base", "netfilter/abi", "netfilter/plan"),
    "ha/core": ("base",),
    "ha/wire": ("base", *CORE_VALUES),
    "ha/corosync": ("base", "ha/core", "ha/wire"),
    "ha/mysql": ("base", *CORE_VALUES),
    "mailsvc": ("base",),
    "daemon/config": ("base", *CORE_VALUES),
    "daemon/supervisor": ("base",),
    "daemon/metrics": ("base",),
    "daemon/doctor": ("base", "daemon/config", "daemon/control/api.h"),
    "daemon/control": ("base", "daemon/config", "daemon/metrics"),
    "daemon/cli": ("base", "daemon/config", "daemon/control", "daemon/doctor"),
    "daemon/node": EVERYTHING,
    "daemon": EVERYTHING,
    "lab": ("base",),
    "tests": EVERYTHING + ("lab", "tests"),
}

# Rooms without clock, socket, thread, file, log, global or random source: time and chance are arguments. What they may
# include from outside the tree is listed, because a list of what is forbidden is never complete.
PURE_ROOMS = ("ha/core", "ha/wire", "netfilter/plan")
PURE_HEADERS = frozenset(
    "algorithm array bit bitset charconv chrono compare concepts cstddef cstdint cstring deque functional "
    "initializer_list iterator limits list map memory numeric optional queue ranges set span string string_view tuple "
    "type_traits utility variant vector".split()
)
# Headers of base that read the world.
IMPURE_BASE = frozenset({"base/clock.h", "base/unique_fd.h"})

# Headers that the build makes: (how the name ends, rooms that may include it).
GENERATED = ((".skel.h", ("netfilter/loader", "netfilter/hold", "tests")), ("vmlinux.h", ("netfilter/bpf",)))
