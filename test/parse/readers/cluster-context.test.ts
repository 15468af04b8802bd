import { describe, expect, it } from 'vitest';
import { clusterContext } from '../../../src/parse/readers/cluster-context.ts';
import { factsOf, runReader, survivesDamage } from '../run-reader.ts';

const file = { path: 'cluster/cluster-context' };

describe('cluster-context', () => {
  it('tells the context and the API server', () => {
    const [collection] = factsOf(runReader(clusterContext, 'shop-west\nhttps://10.77.0.10:6443\n', file), 'collection');
    expect(collection).toMatchObject({ context: 'shop-west', apiServer: 'https://10.77.0.10:6443', failures: [] });
  });

  it('tells the context alone, as before 1.12', () => {
    const [collection] = factsOf(runReader(clusterContext, 'shop-west\n', file), 'collection');
    expect(collection?.context).toBe('shop-west');
    expect(collection).not.toHaveProperty('apiServer');
  });

  it('keeps no password of an address', () => {
    const artifacts = runReader(clusterContext, 'shop\nhttps://admin:hunter2@10.0.0.1:443\n', file);
    expect(JSON.stringify(artifacts)).not.toContain('hunter2');
  });

  it('says that there was no context', () => {
    const artifacts = runReader(clusterContext, 'error: current-context is not set\n', file);
    expect(factsOf(artifacts, 'gap')[0]?.detail).toContain('current-context is not set');
  });

  it('never throws, whatever happened to the file', () => {
    survivesDamage(clusterContext, 'shop-west\nhttps://10.77.0.10:6443\n', file);
  });
});
