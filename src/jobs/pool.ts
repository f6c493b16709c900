/** Something that takes memory until it is released, such as a model. */
export interface Releasable {
  release(): Promise<void>;
}

interface Entry<T> {
  readonly loading: Promise<T>;
  /** Jobs that use it now. */
  users: number;
}

/** Loads by name when first needed, and keeps the ones used last. Users share what is loaded. */
export class Pool<T extends Releasable> {
  /** The one used last is the last. */
  private readonly entries = new Map<string, Entry<T>>();

  /**
   * @param open loads one
   * @param keep how many stay loaded while nobody uses them
   */
  constructor(
    private readonly open: (name: string) => Promise<T>,
    private readonly keep = 1,
  ) {}

  /** Names of those that are loaded or being loaded, and how many use each. */
  list(): { name: string; users: number }[] {
    return [...this.entries].map(([name, { users }]) => ({ name, users }));
  }

  /** Lends one for as long as `work` takes. @throws what loading throws */
  async use<R>(name: string, work: (loaded: T) => Promise<R>): Promise<R> {
    const entry = this.entries.get(name) ?? { loading: this.open(name), users: 0 };
    this.touch(name, entry);
    entry.users++;
    try {
      return await work(await this.settle(name, entry));
    } finally {
      entry.users--;
      await this.releaseIdle(this.keep);
    }
  }

  /** Loads one ahead of its first use. @throws what loading throws */
  load(name: string): Promise<void> {
    return this.use(name, async () => undefined);
  }

  /** Frees one. False if it is not loaded or in use. */
  async unload(name: string): Promise<boolean> {
    const entry = this.entries.get(name);
    if (!entry || entry.users > 0) return false;
    this.entries.delete(name);
    await (await entry.loading).release();
    return true;
  }

  /** Frees all that nobody uses. */
  async close(): Promise<void> {
    await this.releaseIdle(0);
  }

  private touch(name: string, entry: Entry<T>): void {
    this.entries.delete(name);
    this.entries.set(name, entry);
  }

  /** One that failed to load is forgotten, so that the next user tries again. */
  private async settle(name: string, entry: Entry<T>): Promise<T> {
    try {
      return await entry.loading;
    } catch (error) {
      if (this.entries.get(name) === entry) this.entries.delete(name);
      throw error;
    }
  }

  private async releaseIdle(keep: number): Promise<void> {
    const idle = [...this.entries].filter(([, { users }]) => users === 0).map(([name]) => name);
    await Promise.all(idle.slice(0, Math.max(0, idle.length - keep)).map((name) => this.unload(name)));
  }
}
