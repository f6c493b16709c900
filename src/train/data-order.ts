import { randomFor } from "./random.js";

/** Which row comes when: every row of the chosen share once in each pass, in an order of its own. */
export class DataOrder {
  /** Rows in a pass. */
  readonly count: number;
  private epoch = -1;
  private rows: Int32Array = new Int32Array();

  constructor(
    private readonly total: number,
    share: number,
    private readonly seed: number,
  ) {
    this.count = Math.max(1, Math.round(total * share));
  }

  /** @param position counted over all passes */
  at(position: number): number {
    const epoch = Math.floor(position / this.count);
    if (epoch !== this.epoch) {
      this.rows = randomFor(this.seed, "order", epoch).randperm(this.count).data;
      this.epoch = epoch;
    }
    // Evenly over the dataset, so that a small share is one of each part of it.
    return Math.floor(((this.rows[position % this.count] as number) * this.total) / this.count);
  }
}
