import type { Budget } from '../budget.ts';
import { Lru } from '../lru.ts';
import { type Anchor, type Automaton, compilePattern, isWordCode } from './syntax.ts';

const compiled = new Lru<Automaton>(256, 64 * 1024);
/** States looked at that cost one step. */
const STATES_PER_STEP = 16;

const holds = (anchor: Anchor, subject: string, at: number): boolean => {
  if (anchor === 'start') return at === 0;
  if (anchor === 'end') return at === subject.length;
  const before = at > 0 && isWordCode(subject.charCodeAt(at - 1));
  const after = at < subject.length && isWordCode(subject.charCodeAt(at));
  return (before !== after) === (anchor === 'boundary');
};

/**
 * Whether a pattern is found in the subject. Patterns have JavaScript's syntax without look-around and back-references, at most 256 characters; they run over the
 * subject once with all their states at a time, so no pattern can take more than (states × characters), and that is charged to the budget. Case-sensitive.
 */
export function matches(pattern: string, subject: string, budget: Budget): boolean {
  const { states, start } = compiled.get(pattern, compilePattern);
  const seen = new Int32Array(states.length).fill(-1);
  let current: number[] = [];
  let looked = 0;
  const follow = (from: number, at: number, into: number[]): boolean => {
    const open = [from];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (seen[index] === at) continue;
      seen[index] = at;
      looked += 1;
      const state = states[index];
      if (state === undefined) continue;
      if (state.kind === 'end') return true;
      if (state.kind === 'character') into.push(index);
      else if (state.kind === 'split') open.push(state.next, state.other);
      else if (holds(state.anchor, subject, at)) open.push(state.next);
    }
    return false;
  };
  for (let at = 0; at <= subject.length; at++) {
    const next: number[] = [];
    if (follow(start, at, current)) return true;
    if (at === subject.length) return false;
    const code = subject.charCodeAt(at);
    for (const index of current) {
      const state = states[index];
      if (state?.kind !== 'character') continue;
      looked += state.weight;
      if (state.test(code) && follow(state.next, at + 1, next)) return true;
    }
    budget.spend(looked / STATES_PER_STEP);
    looked = 0;
    current = next;
  }
  return false;
}

/** TemplateError when a pattern can't be used. */
export const checkPattern = (pattern: string): void => void compiled.get(pattern, compilePattern);
