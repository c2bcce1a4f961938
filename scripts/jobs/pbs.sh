#!/bin/bash
# A job of PBS with a cluster of its own: qsub -v SCRIPT=work.py scripts/jobs/pbs.sh
#
# There are as many engines as $PBS_NODEFILE has lines. They are ranks of one MPI world;
# PROFILE=local has those of the first host, without MPI. Torque has no select: there it
# is `-l nodes=2:ppn=4`.
#PBS -S /bin/bash
#PBS -N parallel
#PBS -V
#PBS -j oe
#PBS -l select=2:ncpus=4:mpiprocs=4
#PBS -l walltime=0:10:00

# What a login shell would do: module load python openmpi; conda activate work
profile=${PROFILE:-mpi}
cd "$PBS_O_WORKDIR" || exit

# It returns once all engines are there, and the program connects by
# `Client(profile="mpi")`. Several such jobs at a time need a --cluster-id each.
ipcluster start --profile="$profile" --daemonize || exit
trap 'ipcluster stop --profile="$profile"' EXIT
python "$SCRIPT" &
trap 'kill "$!"' TERM # the job is cancelled
wait "$!"
