"""`lab/lab torture`: draws a plan of faults from a seed, prints it, carries it out under load in a lab of its own, and
judges what clients saw. The plan is drawn by torture_plan.py, the judgement is torture_judge.py's.
"""

import os
import shutil
import time

from . import api, idle_judge, lab, settled, topology, torture_judge, torture_plan
from . import state as states
from .exactly_one import ExactlyOne, summary
from .idle_clients import IdleClients
from .load import Load
from .require import require_root
from .run_record import RunRecord, write_json
from .shell import LabError, say
from .torture_faults import FLOOD_RATE, Faults, flood_argv

RATE, LONG_LIVED = 200, 64
REST_S = 2.0   # load after the last round
TOLD_S = idle_judge.TOLD_MS / 1000 + 0.2   # after a round: by then each idle client has heard of its node's death


def why_unsettled(state):
    """Why the cluster is not at rest with all its nodes, or None."""
    running = state.running()
    return settled.why_lab_unsettled(state) if len(running) == state.plan.nodes else f"only {', '.join(running)} run"


def wait_settled(state):
    """Seconds until the cluster was at rest, or text: why it is not after the limit."""
    begin = time.monotonic()
    while True:
        reason = why_unsettled(state)
        took_s = time.monotonic() - begin
        if reason is None:
            return round(took_s, 2)
        if took_s > torture_judge.SETTLE_LIMIT_S:
            return reason
        time.sleep(0.1)


class Run:
    """One run of a plan in a lab that serves. Everything that it sees goes into the directory `out`."""

    def __init__(self, state, plan, out):
        self.state = state
        self.plan = plan   # torture_plan's faults
        self.out = out
        self.faults = Faults(state)
        self.record = RunRecord(lambda: state)
        self.check = self.load = self.idle = None
        self.numbers = {}   # fault -> its number in the record
        self.settled = []   # (round, seconds or why not)

    def path(self, name):
        return os.path.join(self.out, name)

    def play(self):
        """Carries the plan out; what was seen, for the judge."""
        self.record.start()
        self.check = ExactlyOne(self.state, self.out)
        self.load = Load(self.state, self.path("probe.json"), RATE, LONG_LIVED)
        self.idle = IdleClients(self.state, self.check.bucket_key())
        begin = time.monotonic()
        for faults in torture_plan.rounds_of(self.plan):
            sleep_until(max(begin + faults[0].at_s, self.idle.known_at))
            self.play_round(faults)
            if isinstance(self.settled[-1][1], str):
                break   # what follows would say nothing about the faults that follow
            time.sleep(TOLD_S)
            self.idle.renew()   # also if all live: left over by a move, they would keep a bucket from being served
        time.sleep(REST_S)
        return self.finish()

    def play_round(self, faults):
        """Faults begin and end as planned, in order; then the cluster comes to rest."""
        number = faults[0].round
        self.load.phase(f"round {number}")
        busy = {fault.node for fault in faults}
        steps = sorted([(fault.at_s, 0, fault) for fault in faults] +
                       [(fault.at_s + fault.lasts_s, 1, fault) for fault in faults], key=lambda step: step[:2])
        begin, shift_s = time.monotonic(), faults[0].at_s
        for at_s, is_end, fault in steps:
            sleep_until(begin + at_s - shift_s)
            self.end(fault, busy) if is_end else self.begin(fault, busy)
        took = wait_settled(self.state)
        self.settled.append((number, took))
        self.record.settle_faults([self.numbers[fault] for fault in faults])
        say(f"  round {number:<3} " + (f"at rest after {took:.1f} s" if isinstance(took, float) else f"STUCK: {took}"))

    def begin(self, fault, busy):
        say(f"  round {fault.round:<3} {fault.text}")
        self.numbers[fault] = self.record.begin_fault(fault.text, fault.kind, fault.node)
        self.faults.begin(fault, busy)
        self.record.done_fault(self.numbers[fault])

    def end(self, fault, busy):
        self.faults.end(fault, busy)
        self.record.end_fault(self.numbers[fault])

    def finish(self):
        idle = self.idle.finish()
        probe = self.load.report()
        verdict = self.check.finish(self.record)
        self.record.stop()
        receipts = api.receipts_of_all(self.state)
        run = self.record.write(self.path("run.json"), self.state.plan.node_names())
        write_json(self.path("exactly-one.json"), verdict.to_json())
        write_json(self.path("receipts.json"), receipts)
        write_json(self.path("idle.json"), idle)
        for line in summary(verdict):
            say(line)
        return {"probe": probe, "run": run, "exactly_one": verdict.to_json(), "receipts": receipts,
                "settled": self.settled, "idle": idle}

    def clean(self):
        """Ends all that the run has started; the lab stays."""
        self.record.stop()
        self.faults.clean()
        if self.check:
            self.check.abandon()
        for load in filter(None, (self.load, self.idle)):
            load.abandon()


def sleep_until(when):
    time.sleep(max(0.0, when - time.monotonic()))


def new_directory(out):
    """An empty directory for the run's files. LabError rather than deleting what is not a run's."""
    if os.path.isdir(out) and os.listdir(out):
        if not os.path.exists(os.path.join(out, "plan.json")):
            raise LabError(f"{out} is not empty, and no earlier run", "name another directory with --out")
        shutil.rmtree(out)
    os.makedirs(out, exist_ok=True)


def play_in_own_lab(request, plan, arguments):
    """Builds the lab, runs the plan, takes the lab down whatever happens; what was seen."""
    lab_plan = topology.Plan(prefix=arguments.prefix, nodes=request.nodes, timing=request.timing,
                             build=os.path.abspath(arguments.build))
    if states.load(arguments.prefix) is not None:
        raise LabError(f"a lab '{arguments.prefix}' is up; torture makes one of its own",
                       "name another one with --prefix, or " + topology.lab_command(arguments.prefix, "down"))
    with states.locked(arguments.prefix):
        try:
            state = lab.up(lab_plan)
            lab.wait_until_serving(state)
            reason = wait_settled(state)
            if isinstance(reason, str):
                raise LabError(f"the lab does not come to rest before the first fault: {reason}")
            return play(state, plan, arguments)
        finally:
            if os.path.isdir(f"/run/{arguments.prefix}-lab/log"):
                shutil.copytree(f"/run/{arguments.prefix}-lab/log", os.path.join(arguments.out, "logs"))
            lab.down(arguments.prefix)


def play(state, plan, arguments):
    run = Run(state, plan, arguments.out)
    background = Faults(state)
    try:
        if arguments.flood:
            last_s = max(fault.at_s + fault.lasts_s for fault in plan) + 60 * len(plan)
            background.start_flood(flood_argv(state, FLOOD_RATE, last_s))
        seen = run.play()
        background.check_flood()
        return seen
    finally:
        run.clean()
        background.clean()


def torture(arguments):
    """The sub-command: exit code 0 if all bounds were kept, 1 if not."""
    request = torture_plan.Request(seed=arguments.seed, minutes=arguments.minutes, timing=arguments.timing,
                                   nodes=arguments.nodes, kinds=tuple(arguments.kinds or torture_plan.KINDS))
    plan = torture_plan.draw(request)
    say("\n".join(torture_plan.lines(request, plan)))
    if arguments.plan_only:
        return 0
    require_root()
    arguments.out = os.path.abspath(arguments.out or
                                    os.path.join(arguments.build, "lab-results", f"torture-{request.seed}"))
    new_directory(arguments.out)
    write_json(os.path.join(arguments.out, "plan.json"), torture_plan.to_json(request, plan))
    replay = torture_plan.replay_command(request, "--flood" if arguments.flood else "")
    try:
        seen = play_in_own_lab(request, plan, arguments)
    except LabError as error:
        raise LabError(error.what, f"{error.way_out + '; ' if error.way_out else ''}the same plan again: {replay}") \
            from error
    verdict = torture_judge.judge(seen, request.timing, len(torture_plan.rounds_of(plan)))
    write_json(os.path.join(arguments.out, "verdict.json"), verdict)
    say("\n".join(["", *torture_judge.table(verdict), f"Files: {arguments.out}"]))
    if verdict["ok"]:
        say(f"Passed: seed {request.seed}")
        return 0
    say(f"FAILED. The same plan again:\n{replay}")
    return 1
