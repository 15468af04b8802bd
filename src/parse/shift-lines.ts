import type { Location } from '../input/location.ts';
import type { Artifact } from './artifact.ts';
import type { Sample } from './facts.ts';

/**
 * The artifact of a section of a file with the lines of the whole file: `line` gives, for a line of the section counted from 1,
 * its line in the file.
 */
export function withLines(artifact: Artifact, line: (line: number) => number): Artifact {
  const at = (place: Location): Location => (place.line === undefined ? place : { ...place, line: line(place.line) });
  const samples = (all: readonly Sample[]): readonly Sample[] =>
    all.map((sample) => ({ ...sample, line: line(sample.line) }));
  switch (artifact.kind) {
    case 'gap':
      return artifact.value.line === undefined
        ? artifact
        : { kind: 'gap', value: { ...artifact.value, line: line(artifact.value.line) } };
    case 'log-hits':
      return { kind: 'log-hits', value: { ...artifact.value, samples: samples(artifact.value.samples) } };
    case 'access':
      return { kind: 'access', value: { ...artifact.value, samples: samples(artifact.value.samples) } };
    case 'log-file': {
      const marks = artifact.value.marks.map((mark) => ({ ...mark, line: line(mark.line) }));
      return { kind: 'log-file', value: { ...artifact.value, marks, at: at(artifact.value.at) } };
    }
    case 'cluster': {
      const endpoints = artifact.value.endpoints.map((endpoint) => ({ ...endpoint, at: at(endpoint.at) }));
      return { kind: 'cluster', value: { ...artifact.value, endpoints, at: at(artifact.value.at) } };
    }
    case 'collection': {
      const failures = artifact.value.failures.map((failure) => ({ ...failure, at: at(failure.at) }));
      return { kind: 'collection', value: { ...artifact.value, failures, at: at(artifact.value.at) } };
    }
    case 'seen':
    case 'listing':
      return artifact;
    default:
      // Every other fact has one place.
      return { ...artifact, value: { ...artifact.value, at: at(artifact.value.at) } } as Artifact;
  }
}
