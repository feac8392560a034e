-- Which subjects were found to be this one, by whose references they stand in the log.
CREATE INDEX subject_joined ON subject (merged_into) WHERE merged_into IS NOT NULL;
