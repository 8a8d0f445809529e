DROP TABLE funding_sources;
