#!/bin/bash
# A job of Grid Engine with a cluster of its own: qsub scripts/jobs/sge.sh work.py
#
# There are as many engines as the job has slots (ask your site for the names of its
# parallel environments). They are ranks of one MPI world; PROFILE=local has those of
# the first host, without MPI.
#$ -S /bin/bash
#$ -N parallel
#$ -cwd
#$ -V
#$ -notify
#$ -j y
#$ -pe smp 4
#$ -l h_rt=0:10:00

# What a login shell would do: module load python openmpi; conda activate work
profile=${PROFILE:-mpi}

# It returns once all engines are there, and the program connects by
# `Client(profile="mpi")`. Several such jobs at a time need a --cluster-id each.
ipcluster start --profile="$profile" --daemonize || exit
trap 'ipcluster stop --profile="$profile"' EXIT
python "$@" &
trap 'kill "$!"' TERM USR2 # the job is cancelled
wait "$!"
