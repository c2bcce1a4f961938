#!/bin/bash
# A job of Slurm with a cluster of its own: sbatch scripts/jobs/slurm.sh work.py
#
# There are as many engines as the job has tasks, on all of its nodes. They are ranks of
# one MPI world; PROFILE=local has those of the first node, without MPI.
#SBATCH --job-name=parallel
#SBATCH --nodes=2
#SBATCH --ntasks=8
#SBATCH --time=0:10:00
#SBATCH --output=parallel-%j.log

# What a login shell would do: module load python openmpi; conda activate work
profile=${PROFILE:-mpi}

# It returns once all engines are there, and the program connects by
# `Client(profile="mpi")`. Several such jobs at a time need a --cluster-id each.
ipcluster start --profile="$profile" --daemonize || exit
trap 'ipcluster stop --profile="$profile"' EXIT
python "$@" &
trap 'kill "$!"' TERM # the job is cancelled
wait "$!"
