#!/bin/bash
# One task of an array: cells of a sweep. Written by `thalweg sweep submit`, which gives
#   PROGRAM STORE LIST CELLS_PER_TASK FIRST_TASK CELLS
# The cells are counted in LIST, so that they are the same if the sweep has changed since.
program=$1 store=$2 list=$3 each=$4 cells=$6
from=$((($5 + SLURM_ARRAY_TASK_ID) * each))
to=$((from + each < cells ? from + each - 1 : cells - 1))
task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
export RAYON_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

# A task that the user cancels is no longer running, and stays away. A controller that is busy may not answer at once: it is asked for half a
# minute, which is less than what is left after the signal.
again() {
    local state
    for wait in 1 2 4 8 15 0; do
        if state=$(squeue --noheader --jobs "$task" --format %T); then
            [ "$state" = RUNNING ] || return 1
            scontrol requeue "$task" && return 0
        fi
        sleep "$wait"
    done
    return 1
}

# Before the time is up: the program saves its state, and the task goes on later.
out_of_time() {
    kill -TERM "$child"
    wait "$child"
    if again; then
        echo "stopped before the end, since the time is up or the node is taken: what was done is saved, and task $task goes on later"
    else
        echo "stopped before the end and not queued again: what was done is saved"
    fi
    exit 0
}
trap out_of_time TERM

"$program" sweep run "$store" --listed "$list" --cell "$from-$to" &
child=$!
wait "$child"
status=$?
# Killed from outside: tried three times more, and not for ever, since it may be the memory that is too small. Slurm's own count is of no use,
# since it counts every time that the task was queued again: when its time was up, its node was taken away, or by hand.
if [ "$status" -gt 130 ]; then
    kills=$store/slurm/logs/$task.kills
    echo "$status" >>"$kills"
    [ "$(wc -l <"$kills")" -le 3 ] && again
fi
exit "$status"
