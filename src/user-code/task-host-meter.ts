/** CPU time and peak memory of one attempt in a process of its own, from /proc. null where there is none (macOS). */
import { readFileSync, writeFileSync } from 'node:fs';

export interface Figures {
  readonly cpuMs: number | null;
  readonly peakKb: number | null;
}

const clockTickMs = 10; // USER_HZ is 100 on every Linux that Node runs on

/** Starts measuring; the returned function reads the figures. */
export function startMeter(): () => Figures {
  if (process.platform !== 'linux') return () => ({ cpuMs: null, peakKb: null });
  const ownBefore = process.cpuUsage();
  const childrenBefore = childrenMs();
  try {
    writeFileSync('/proc/self/clear_refs', '5'); // VmHWM begins anew
  } catch {
    // not permitted in some containers: the peak is then that of the process's whole life
  }
  return () => {
    const own = process.cpuUsage(ownBefore);
    const children = childrenMs();
    const cpuMs =
      Math.round((own.user + own.system) / 1000) + (children === null || childrenBefore === null ? 0 : children - childrenBefore);
    return { cpuMs, peakKb: peakKb() };
  };
}

/** Of children that ended and were waited for. */
function childrenMs(): number | null {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[13]) + Number(fields[14])) * clockTickMs;
  } catch {
    return null;
  }
}

function peakKb(): number | null {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return found ? Number(found[1]) : null;
  } catch {
    return null;
  }
}
