/** Whether a part can do its work now, and if not, why in a few plain words. Never a secret. */
export interface Readiness {
  readonly ok: boolean;
  readonly reason?: string;
}

/** What `/readyz` answers from. */
export interface ReadinessReport {
  readonly ready: boolean;
  /** One line per part that isn't ready: `<part>: <reason>`. */
  readonly reasons: readonly string[];
}

/** Asks every part; one that throws isn't ready. */
export function reportReadiness(parts: Readonly<Record<string, () => Readiness>>): ReadinessReport {
  const reasons: string[] = [];
  for (const [part, ask] of Object.entries(parts)) {
    try {
      const answer = ask();
      if (!answer.ok) reasons.push(`${part}: ${answer.reason ?? 'not ready'}`);
    } catch (error) {
      reasons.push(`${part}: ${error instanceof Error ? error.message : 'failed'}`);
    }
  }
  return { ready: reasons.length === 0, reasons };
}
