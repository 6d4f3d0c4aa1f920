import { TemplateError } from './error.ts';
import { MAX_LENGTH, MAX_STEPS, MAX_VALUE_DEPTH } from './limits.ts';

/** Characters of a string, or entries of a list, that cost one step to look at. */
const CHARACTERS_PER_STEP = 256;
const ENTRIES_PER_STEP = 16;

/** What one rendering may still spend. Every piece of work that grows with its input is charged here, so nothing a user writes or sends can hold the process. */
export class Budget {
  #steps = MAX_STEPS;

  constructor(
    /** Longest text that may come out, of a helper or as a whole. */
    readonly maxLength: number = MAX_LENGTH,
  ) {}

  /** Steps used so far. */
  get used(): number {
    return MAX_STEPS - this.#steps;
  }

  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new TemplateError('limit', `takes more than ${MAX_STEPS} steps`);
  }

  /** Charges what a single pass over a value costs; nested values aren't visited. */
  look(value: unknown): void {
    if (typeof value === 'string') this.spend(value.length / CHARACTERS_PER_STEP);
    else if (Array.isArray(value)) this.spend(value.length / ENTRIES_PER_STEP);
  }

  /** Refuses a text that is too long. */
  fits(length: number): void {
    if (length > this.maxLength) throw new TemplateError('limit', `renders to more than ${this.maxLength} characters`);
  }

  /**
   * Walks a value before it is encoded as JSON: refuses what is too deep (or a cycle) and what would come out too long. Shared parts count each time they
   * are met, for that is how often they come out.
   */
  measure(value: unknown, indent = 0): void {
    let length = 0;
    const walk = (part: unknown, depth: number): void => {
      if (depth > MAX_VALUE_DEPTH) throw new TemplateError('limit', `a value is nested deeper than ${MAX_VALUE_DEPTH}`);
      this.spend(1);
      length += 1 + indent * depth;
      if (typeof part === 'string') {
        length += part.length;
        this.look(part);
      } else if (Array.isArray(part)) for (const entry of part) walk(entry, depth + 1);
      else if (typeof part === 'object' && part !== null)
        for (const key of Object.keys(part)) {
          length += key.length + 3;
          walk((part as Record<string, unknown>)[key], depth + 1);
        }
      else if (typeof part === 'bigint') throw new TemplateError('json', 'a value is an integer that JSON can not hold');
      this.fits(length);
    };
    walk(value, 0);
  }
}

/** Text that grows up to the budget's length. */
export class Output {
  #text = '';
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get text(): string {
    return this.#text;
  }

  write(text: string): void {
    this.#budget.fits(this.#text.length + text.length);
    this.#text += text;
  }
}
