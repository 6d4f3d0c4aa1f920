import { readFileSync, readdirSync } from 'node:fs';

/** Clock ticks a second in /proc, which Linux fixes at 100 for user space. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;

interface ProcessUse {
  readonly pid: number;
  readonly parent: number;
  /** Its own CPU time and that of children it has already reaped, s. */
  readonly cpu: number;
  readonly ownCpu: number;
  readonly resident: number;
}

function read(pid: number): ProcessUse | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
    const ownCpu = (utime + stime) / TICKS_PER_SECOND;
    return {
      pid,
      parent: fields[1] ?? 0,
      ownCpu,
      cpu: ownCpu + (cutime + cstime) / TICKS_PER_SECOND,
      resident: (fields[21] ?? 0) * PAGE_BYTES,
    };
  } catch {
    return undefined; // it ended between the listing and the look
  }
}

/** A process and everything below it, as they are now. */
function tree(root: number): ProcessUse[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => read(Number(name)))
    .filter((process) => process !== undefined);
  const members = new Set([root]);
  for (let grown = true; grown;) {
    grown = false;
    for (const { pid, parent } of all) {
      if (!members.has(parent) || members.has(pid)) continue;
      members.add(pid);
      grown = true;
    }
  }
  return all.filter(({ pid }) => members.has(pid));
}

/** CPU seconds that a process and all its descendants have used so far, ended ones too. */
export const cpuSeconds = (root: number): number => tree(root).reduce((sum, process) => sum + process.cpu, 0);

/** Resident memory of a process and all its descendants in MB. PostgreSQL's processes share pages, which count in each of them. */
export const residentMb = (root: number): number => tree(root).reduce((sum, process) => sum + process.resident, 0) / 1_048_576;

/**
 * Memory of a process tree in MB: proportional set size, in which a shared page counts once in all. `anonymous` leaves out the pages of files (the program
 * itself), whose share depends on how many other processes of the same program run on the machine.
 */
export function proportionalMb(root: number, pages: 'all' | 'anonymous' = 'all'): number {
  const line = pages === 'all' ? /^Pss:\s+(\d+)/m : /^Pss_Anon:\s+(\d+)/m;
  let kilobytes = 0;
  for (const { pid } of tree(root)) {
    try {
      kilobytes += Number(line.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // it ended meanwhile, or belongs to another user: then its resident size stands in
      kilobytes += (read(pid)?.resident ?? 0) / 1_024;
    }
  }
  return kilobytes / 1_024;
}
