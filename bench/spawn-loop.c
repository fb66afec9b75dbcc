// The yardstick of executions: starts a program with posix_spawn and waits for it, again and again, so many at a time.
// Prints how many a second, and the median and the 99th percentile of one run in milliseconds.
//
//   spawn-loop SECONDS AT_A_TIME PROGRAM
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_RUNS 1000000
extern char **environ;
static double took[MAX_RUNS], began[1 << 22];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void start(char *program) {
  pid_t pid;
  double begin = now();
  if (posix_spawn(&pid, program, NULL, NULL, (char *[]){program, NULL}, environ) != 0) abort();
  began[pid] = begin;
}

static int compare(const void *a, const void *b) {
  return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

int main(int count, char **args) {
  if (count != 4) return 64;
  double first = now(), last = first + atof(args[1]);
  int at_a_time = atoi(args[2]), ended = 0;
  for (int i = 0; i < at_a_time; i++) start(args[3]);
  for (pid_t pid; ended < MAX_RUNS && (pid = wait(NULL)) > 0;) {
    took[ended++] = now() - began[pid];
    if (now() < last) start(args[3]);
  }
  double seconds = now() - first;
  qsort(took, (size_t)ended, sizeof *took, compare);
  printf("%f %f %f\n", ended / seconds, took[ended / 2] * 1e3, took[ended * 99 / 100] * 1e3);
  return 0;
}
