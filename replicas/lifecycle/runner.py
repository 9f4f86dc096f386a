"""The engine: takes a run, does its steps one after the other, and writes down how it ended."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

from replicas import requestid
from replicas.backends import registry
from replicas.choices import RunState, StepState
from replicas.errors import DirectoryLost, PortalError, StepError
from replicas.lifecycle import lease as leases
from replicas.lifecycle import outcome, plan, run_end, summary
from replicas.lifecycle.base import Step
from replicas.lifecycle.connect import connect
from replicas.lifecycle.context import RunContext
from replicas.lifecycle.credentials import unlock, words
from replicas.lifecycle.fencing import LeaseLost
from replicas.lifecycle.known_servers import require_own_host
from replicas.lifecycle.lease import Cancelled, Interrupted, Lease
from replicas.lifecycle.loop import StepLoop
from replicas.lifecycle.order import holding
from replicas.lifecycle.outcome import Outcome
from replicas.lifecycle.patience import PAUSES, Patience
from replicas.lifecycle.records import StepRows
from replicas.lifecycle.steps import disks
from replicas.models import Run
from replicas.stream.redaction import Redactor
from replicas.stream.writer import LogWriter

logger = logging.getLogger(__name__)
DATABASE_GONE = (InterfaceError, OperationalError)
MOST_TAKEOVERS = 100
T = TypeVar("T")


def execute(run_id: int) -> bool:
    """Work on a run until it ends, or until it is no longer ours; tells whether it was ours to work on."""
    lease = leases.claim(run_id)
    if lease is None:
        return False
    named = requestid.current.set(f"run-{run_id}")
    try:
        with lease:
            _work(lease)
    except LeaseLost as error:
        logger.warning("%s Nothing more is written.", error)
    except DATABASE_GONE as error:
        logger.warning("Run %s: the database is away; the run goes on when it is back. %s", run_id, error)
        _give_back_later(lease)
    finally:
        requestid.current.reset(named)
    return True


def _work(lease: Lease) -> None:
    """Whatever happens, the run ends, or somebody else goes on with it: one that only failed again would be taken up
    for ever. Raises LeaseLost, and the errors of an absent database.
    """
    redactor = Redactor()
    try:
        with LogWriter(lease.run_id, lease.fence, redactor, lambda: lease.over) as writer:
            Execution(lease, writer).run()
    except (LeaseLost, *DATABASE_GONE):
        raise
    except Exception as error:  # noqa: BLE001 - a defect must end the run, not the worker
        _break_off(lease, _defect(lease.run_id, error, redactor), redactor)


def _defect(run_id: int, error: Exception, redactor: Redactor) -> Outcome:
    """What people are told of a defect; its details are for the worker's log."""
    logger.error("Run %s: defect\n%s", run_id, redactor.clean("".join(traceback.format_exception(error))))
    return Outcome(
        RunState.FAILED,
        f"A defect of the portal stopped the run ({type(error).__name__}).",
        "The worker's log has the details. Nothing is wrong with the request; report the defect.",
    )


def _break_off(lease: Lease, result: Outcome, redactor: Redactor) -> None:
    """End a run whose steps, beginning or end went wrong in an unforeseen way. Raises what `_work` raises."""
    try:
        run = Run.objects.select_related("plan__replica__master__realm").get(pk=lease.run_id)
        StepRows(run, lease).fail(StepState.FAILED)
        outcome.end(run, lease, result)
    except (LeaseLost, *DATABASE_GONE):
        raise
    except Exception:  # noqa: BLE001 - the same one again, perhaps
        told = redactor.clean(traceback.format_exc())
        logger.error("Run %s: only its state can be written, and not how it ended.\n%s", lease.run_id, told)
        outcome.end_barely(lease, result)


def _give_back_later(lease: Lease) -> None:
    """Back into the queue as soon as the database answers, instead of letting everybody wait for the lease."""
    while not lease.over:
        connection.close()
        try:
            lease.give_back()
        except DATABASE_GONE:
            time.sleep(PAUSES[0])
        except LeaseLost:
            return
        else:
            return


class Execution:
    """One worker's hold on one run."""

    def __init__(self, lease: Lease, writer: LogWriter) -> None:
        self.lease, self.writer = lease, writer
        self.row = Run.objects.select_related("plan__replica__master__realm").get(pk=lease.run_id)
        self.clean = writer.redactor.clean
        self.started = time.monotonic()

    def run(self) -> None:
        """Raises LeaseLost."""
        try:
            with holding(self.row.plan.replica_id):  # before the history, as everybody takes them
                outcome.begin(self.row, self.lease)
            result = self._attempt()
            self._say_how_it_ended(result)
            self.writer.flush()
            outcome.end(self.row, self.lease, result, self.writer.failing)
        except Interrupted:
            self.writer.write("The worker is being stopped; another one goes on from here.", "warning")
            self.writer.flush()
            self.lease.give_back()

    def _attempt(self) -> Outcome:
        """Turns what the steps raise into the state of the run."""
        try:
            self._steps()
        except (LeaseLost, Interrupted, *DATABASE_GONE):
            raise
        except Cancelled:
            return self._stopped(StepState.CANCELLED, self._cancelled())
        except PortalError as error:
            failed = Outcome(RunState.FAILED, self.clean(error.message), self.clean(error.remedy))
            return self._stopped(StepState.FAILED, failed)
        except Exception as error:  # noqa: BLE001 - a defect must end the run, not the worker
            return self._stopped(StepState.FAILED, _defect(self.row.pk, error, self.writer.redactor))
        return Outcome(RunState.SUCCEEDED)

    def _steps(self) -> None:
        job, steps = plan.thaw(self.row.plan, registry.get(self.row.plan.job["realm"]["backend"]))
        self._check_cancel()
        require_own_host(self.row.plan, self.row.facts)  # another server may have been registered since the approval
        secrets = unlock(self.row)
        self.writer.redactor.add(*words(secrets))
        ctx = RunContext(job, self.row.facts, secrets, self.lease, self.writer, connect)
        rows = StepRows(self.row, self.lease)
        if self.lease.fence > 1:
            self.writer.write("Resuming: what is done already is checked, and not done again.")
        with asyncio.Runner() as loop:
            stage = StepLoop(loop, ctx, self.lease)
            try:
                for index, step in enumerate(steps, 1):
                    self._check_cancel()
                    self._step(stage, rows, index, len(steps), step)
                loop.run(ctx.commands.tidy(stop=True))
            except Cancelled:
                loop.run(ctx.commands.tidy(stop=True))
                raise
            except PortalError as error:
                loop.run(ctx.commands.tidy())
                raise loop.run(_with_full_disks(ctx, error)) from error
            finally:
                self.lease.on_stop = None
                loop.run(ctx.close())

    def _step(self, stage: StepLoop, rows: StepRows, index: int, count: int, step: Step) -> None:
        stage.ctx.step = self.writer.step = index
        before = rows.was(index)
        if before != StepState.DONE:
            rows.start(index)
            self._refuse_to_die_again(step)
        self.writer.write(f"[{index}/{count}]: {step.title}")
        if self._insist(stage, lambda: step.done(stage.ctx)):
            self.writer.write("already done")
            if before == StepState.DONE:
                return
        else:
            if before == StepState.DONE:
                rows.start(index)
            self._do(stage, step)
        progress = stage.run(stage.ctx.settle())
        sealed = (stage.ctx.job, stage.ctx.facts) if "bundle_sha256" in stage.ctx.facts else None
        self.writer.flush()
        rows.finish(index, progress, sealed)
        stage.run(stage.ctx.commands.tidy())

    def _do(self, stage: StepLoop, step: Step) -> None:
        self._insist(stage, lambda: step.run(stage.ctx))
        # Whoever takes over from here finds the step done, and would not say again what it said.
        self.writer.flush()
        if not self._insist(stage, lambda: step.done(stage.ctx)):
            raise StepError(
                f"«{step.title}» ran without an error, but what it should bring about is not there.",
                "The log shows what it did. Look at the host, and try again.",
            )

    def _refuse_to_die_again(self, step: Step) -> None:
        """A step that kills its workers, by their memory say, must not take other runs down with it for ever.

        Workers that were stopped, or that had to wait for the database, gave the run back and do not count.
        """
        lost = self.row.takeovers or 0
        if lost >= MOST_TAKEOVERS:
            raise StepError(
                f"«{step.title}» lost {lost} workers: they died again and again.",
                "Look at the worker's log and at the memory of its machine, then try again.",
            )

    def _insist(self, stage: StepLoop, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do it again while errors pass by themselves (`Patience`); at first contact they count."""
        met, patience = False, Patience(stage.ctx.milestones)
        while True:
            try:
                return stage.run(work())
            except PortalError as error:
                pause = patience.pause()
                met = met or stage.ctx.met or isinstance(error, DirectoryLost)
                if pause is None or not (error.retryable and met):
                    raise
                self.writer.write(f"{error.message} Trying again in {pause:g} s.", "warning")
                self._check_cancel()
                stage.run(asyncio.sleep(pause))

    def _check_cancel(self) -> None:
        self.lease.check()
        if Run.objects.values_list("cancel_requested_by", flat=True).get(pk=self.row.pk):
            raise Cancelled

    def _cancelled(self) -> Outcome:
        """Say what was done until now, so that nobody has to guess what is on the hosts."""
        who = Run.objects.values_list("cancel_requested_by", flat=True).get(pk=self.row.pk)
        for line in summary.done_so_far(self.row):
            self.writer.write(line)
        if not self.row.steps.exclude(started_at=None).exists():
            return Outcome(RunState.CANCELLED, f"Stopped by {who} before the first step.", "Nothing was done.")
        came, facts = run_end.progress(self.row), Run.objects.values_list("facts", flat=True).get(pk=self.row.pk)
        told = run_end.ending(self.row.plan.action, facts, RunState.CANCELLED, came)
        error = f"Stopped by {who} at step {came.step} of {came.total}: {came.title}."
        return Outcome(RunState.CANCELLED, error, f"{told.state} {told.remedy}")

    def _stopped(self, state: StepState, result: Outcome) -> Outcome:
        self.lease.check()
        StepRows(self.row, self.lease).fail(state)
        return result

    def _say_how_it_ended(self, result: Outcome) -> None:
        seconds = time.monotonic() - self.started
        if result.state == RunState.SUCCEEDED:
            self.writer.write(f"Done in {seconds:.1f} s.")
        else:
            self.writer.write(result.error, "warning" if result.state == RunState.CANCELLED else "error")
            if result.remedy:
                self.writer.write(result.remedy)


async def _with_full_disks(ctx: RunContext, error: PortalError) -> PortalError:
    """A service without space says only that it does not start, if anything: look, and tell people the cause."""
    if "space" in error.message:
        return error
    told = await disks.explain(ctx.reached)
    return StepError(f"{error.message} {told}", f"Free space there. {error.remedy}".strip()) if told else error
