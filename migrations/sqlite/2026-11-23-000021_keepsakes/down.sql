DROP TABLE assets;
DROP TABLE tiny_urls;
